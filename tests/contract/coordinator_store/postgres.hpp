#pragma once

#include "coordinator/store/settings.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <sys/types.h>

namespace tests {

/// A PostgreSQL of our own: a temporary folder, a unix socket, peer authentication, durable.
/// It ends with this object, and with the test program however that ends.
class Postgres {
public:
    /// The one of this program, made when first asked for.
    static Postgres& shared();

    Postgres();
    ~Postgres();
    Postgres(const Postgres&) = delete;
    Postgres& operator=(const Postgres&) = delete;

    void start();
    /// Ends the server and waits for that. SIGINT: connections are cut; SIGQUIT: as a crash.
    void stop(int signal);
    void signal(int number) const;
    /// SIGKILL to one of its processes: the server then cuts every connection and recovers.
    static void kill_backend(const std::string& pid);

    /// What psql prints for `text`, unaligned, without the last newline; throws when it fails.
    std::string sql(const std::string& text,
                    const std::string& database = "postgres",
                    const std::string& user = "postgres");

    /// A new empty database owned by paddock_owner; its name.
    std::string fresh_database();
    [[nodiscard]] coordinator::store::StoreSettings settings(const std::string& database) const;
    [[nodiscard]] std::string url(const std::string& database, const std::string& user) const;

private:
    std::filesystem::path base_;
    pid_t pid_ = -1;
    int databases_ = 0;
};

} // namespace tests
