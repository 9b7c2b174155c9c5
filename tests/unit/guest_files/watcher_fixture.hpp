#pragma once

#include "guest/files/watcher.hpp"
#include "tests/unit/guest_files/files_fixture.hpp"

#include <algorithm>
#include <poll.h>

struct WatcherFixture : FilesFixture {
    guest::files::Watcher watch(const std::string& name,
                                guest::files::Recursive recursive = guest::files::Recursive::no)
    {
        return *guest::files::Watcher::open(policy, path(name), {recursive});
    }
    /// As "created a/b" or "moved a > b", below `in`.
    std::vector<std::string> told(guest::files::Watcher& watcher)
    {
        std::vector<std::string> texts;
        while (readable(watcher)) {
            const auto events = *watcher.read();
            for (const auto& each : events) {
                texts.push_back(std::string{guest::files::to_string(each.change)} + " " +
                                shown(each.path) + (each.to.empty() ? "" : " > " + shown(each.to)));
            }
        }
        return texts;
    }
    static bool readable(const guest::files::Watcher& watcher)
    {
        pollfd poll{watcher.fd(), POLLIN, 0};
        return ::poll(&poll, 1, 0) == 1;
    }
    [[nodiscard]] std::string shown(const std::string& whole) const
    {
        return whole.size() > in().string().size() ? whole.substr(in().string().size() + 1) : whole;
    }
};

using Told = std::vector<std::string>;

inline bool has(const Told& told, std::string_view what)
{
    return std::ranges::find(told, what) != told.end();
}
