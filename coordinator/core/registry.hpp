#pragma once

#include "coordinator/core/blobs.hpp"
#include "coordinator/core/core.hpp"

namespace coordinator {

/// Images that tenants made of files that they uploaded.
///
/// Of these there is a row each: what should be. One host looks at a new one before anybody is told
/// that it is there; then every host that its Prefetch covers is to have it, and fetches it as soon
/// as it can; another one once something of it is to go there. Of one that is deleted the row
/// stays, and what hosts still have of it is hidden and taken away.
///
/// The core's own, and of its thread.
class Core::Registry {
public:
    Registry(Core& core, Blobs& blobs) : core_{core}, blobs_{blobs} {}

    using Done = Pending::ImageDone;
    /// At the start. `changes`: what is to be written about them.
    void adopt(std::vector<RegisteredImage> images, std::vector<Change>& changes);
    void add(const Caller& caller, RegisteredImage wanted, const Done& done);
    /// False: there is none of this name that is this tenant's.
    bool remove(const Caller& caller, const common::ImageName& name, const Done& done);
    /// One of this name is there, or is to be.
    [[nodiscard]] bool has(const common::ImageName& name) const { return names_.contains(name); }
    /// What the host lacks now it is to fetch before it is given sandboxes; not for ever, and not
    /// what it cannot fetch.
    void begin_warming(KnownHost& known);
    /// One that no host has, but any could be told to fetch.
    [[nodiscard]] std::shared_ptr<const Image> fetchable(const common::ImageName& name,
                                                         const std::string& tenant) const;
    /// In that view of the fleet, which hosts could be told to fetch the image.
    [[nodiscard]] scheduler::View with_fetching(scheduler::View view, const Image& image) const;
    /// No host that has the image can take the sandbox: the best of the others is told to fetch
    /// it, and who asks to come again (`image_fetching`). Nothing if none of them would do.
    [[nodiscard]] std::optional<common::Error>
    fetch_for(const Sandbox& wanted,
              const Image& image,
              const std::optional<common::HostName>& only,
              const std::map<common::HostName, std::string>& refused = {});
    /// Of one of files that not every host is to have.
    [[nodiscard]] bool is_fetched_on_request(const Image& image) const;
    void labels_changed(Host& host) { review(host); }
    void finish(const Op& op, const HostAnswer& answer);
    void on_wanted(const HostWantsPiece& wish);
    /// Of what the host has just said of its images, what nobody is to see is left out, and what it
    /// cannot know yet comes to it.
    void amend(Host& host);
    /// To what hosts have comes what they are to have.
    void complete(std::vector<Image>& images, const std::string& tenant) const;
    [[nodiscard]] std::optional<Image> complete(const std::shared_ptr<const Image>& known,
                                                const common::ImageName& name,
                                                const std::string& tenant) const;
    /// As it is in memory, if it is.
    void bring_up_to_date(RegisteredImage& image) const;
    /// What time brings.
    void tick();

    /// Any thread, blocks for a moment: as Blobs.
    common::Result<Blob> find_blob(const std::string& tenant, const std::string& digest)
    {
        return blobs_.find(tenant, digest);
    }

private:
    using Kind = Pending::Kind;
    using OnHost = std::pair<common::HostName, common::ImageId>;
    /// What went wrong, and until when it is left alone.
    struct Trouble {
        std::string error;
        common::SteadyTime until;
        std::chrono::seconds pause{0};
    };
    struct Lately {
        Image image;
        common::SteadyTime since;
    };

    [[nodiscard]] RegisteredImage* living(const common::ImageName& name);
    [[nodiscard]] common::Result<> may_add(const RegisteredImage& wanted) const;
    [[nodiscard]] std::optional<common::HostName>
    best_host(const RegisteredImage& image,
              const std::map<common::HostName, std::string>& refused) const;
    void look_at(const Caller& caller,
                 const common::ImageId& id,
                 const std::map<common::HostName, std::string>& refused,
                 const Done& done);
    Op begin(Kind kind,
             const Caller& caller,
             const common::HostName& host,
             const RegisteredImage& image,
             const Done& done,
             const std::optional<common::HostName>& giver = std::nullopt);
    void
    finish_registering(const Op& op, RegisteredImage& image, std::optional<common::Error> error);
    void finish_upkeep(const Op& op, const common::ImageId& id, std::optional<common::Error> error);
    [[nodiscard]] std::optional<common::Error> failure(const Op& op,
                                                       const HostAnswer& answer) const;
    void give_up(const Caller& caller,
                 RegisteredImage& image,
                 const common::Error& error,
                 const Done& done);
    /// Nothing was written of it.
    void forget(const common::ImageId& id);
    void free_name_of(const RegisteredImage& image);
    /// A host is looking at it.
    [[nodiscard]] bool is_looked_at(const common::ImageId& id) const;
    void record(const common::ImageId& id);
    void take_back(const RegisteredImage& before, const std::map<common::HostName, Image>& had);
    void leave_alone(const OnHost& where, const common::Error& error);
    void has_now(const common::HostName& host, const Image& image);
    /// As amend(), when not the host's word is new, but what it is to have.
    void review(Host& host);
    void review_all();
    [[nodiscard]] bool may_fetch_more() const;
    void count_givers();
    /// Whom another host fetches an image from.
    using Giving = std::pair<std::ptrdiff_t, common::HostName>; ///< To how many, who.
    struct Givers {
        std::optional<common::HostName> best{}; ///< None: nobody has it and gives it, or
        bool all_busy = false;                  ///< those do already.
    };
    [[nodiscard]] Givers givers_of(const common::ImageId& id) const;
    void share(const Op& op) const;
    void no_longer_under_way(const Op& op);
    [[nodiscard]] bool is_in_trouble(const OnHost& where) const;
    [[nodiscard]] common::Error have_fetched(const Image& image, Host& host);
    /// It is to have it, by the image's Prefetch or since something is to go there.
    [[nodiscard]] bool is_to_have(const Host& host, const RegisteredImage& image) const;
    void tend(const common::HostName& host);
    void end_warming(KnownHost& known);
    void pass_on_what_lost_hosts_have();
    [[nodiscard]] std::map<common::HostName, std::string>
    missing_on(const RegisteredImage& image, const std::vector<common::HostName>& on) const;
    void sweep_blobs();

    Core& core_;
    Blobs& blobs_;
    std::map<common::ImageId, RegisteredImage> images_;
    std::map<common::ImageName, common::ImageId> names_; ///< Of those that are not deleted.
    std::map<OnHost, Trouble> troubles_;
    std::map<OnHost, Lately> lately_;                                  ///< Fetched a moment ago.
    std::map<common::HostName, std::vector<common::ImageId>> lacking_; ///< By its last word.
    std::map<common::HostName, std::set<common::ImageId>> doomed_;     ///< Likewise: to be removed.
    /// Where something is to go that needs it, until it is there or nobody asks any more; when that
    /// was last.
    std::map<OnHost, common::SteadyTime> asked_for_;
    std::set<common::ImageId> leaving_; ///< Deleted, which is not recorded yet.
    std::map<common::HostName, common::OperationId> under_way_; ///< One for each host.
    std::map<common::OperationId, common::HostName> givers_;    ///< Of those, not from here.
    /// Counted at the last tick, and since then.
    std::map<common::ImageId, std::vector<Giving>> giving_;
    common::SteadyTime swept_{};
};

} // namespace coordinator
