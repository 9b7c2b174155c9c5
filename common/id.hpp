#pragma once

#include "common/result.hpp"
#include "common/strong_id.hpp"

#include <string_view>

namespace common {

// Each kind of id has a prefix; `<prefix>-` is followed by 16 characters of
// lower-case base32 (RFC 4648 alphabet): 80 random bits, safe as a DNS label, a
// file name, a libvirt domain name and a PostgreSQL text key.
struct SandboxIdTag {
    static constexpr std::string_view prefix = "sbx";
};
struct CommandIdTag {
    static constexpr std::string_view prefix = "cmd";
};
struct OperationIdTag {
    static constexpr std::string_view prefix = "op";
};
struct ImageIdTag {
    static constexpr std::string_view prefix = "img";
};
struct RequestIdTag {
    static constexpr std::string_view prefix = "req";
};
struct JobIdTag {
    static constexpr std::string_view prefix = "job";
};
struct SnapshotIdTag {
    static constexpr std::string_view prefix = "snp";
};
struct PlaybookIdTag {
    static constexpr std::string_view prefix = "pbk";
};
struct TaskIdTag {
    static constexpr std::string_view prefix = "tsk";
};
struct TemplateIdTag {
    static constexpr std::string_view prefix = "tpl";
};
struct PlanIdTag {
    static constexpr std::string_view prefix = "pln";
};

using SandboxId = StrongId<SandboxIdTag>;
using CommandId = StrongId<CommandIdTag>;
using OperationId = StrongId<OperationIdTag>;
using ImageId = StrongId<ImageIdTag>;
using JobId = StrongId<JobIdTag>;
using SnapshotId = StrongId<SnapshotIdTag>;
using PlaybookId = StrongId<PlaybookIdTag>;
using TaskId = StrongId<TaskIdTag>;
using TemplateId = StrongId<TemplateIdTag>;
using PlanId = StrongId<PlanIdTag>;

/// A caller may bring its own request id (X-Request-ID): see parse_request_id.
using RequestId = StrongId<RequestIdTag>;

/// A host's enrolled name: a DNS label sequence of at most 63 characters.
using HostName = StrongId<struct HostNameTag>;
/// An image's name on its hosts: see is_name().
using ImageName = StrongId<struct ImageNameTag>;

/// 16 characters of base32 from the kernel's random source.
std::string random_base32_80();

bool is_id(std::string_view text, std::string_view prefix) noexcept;

/// A fresh id of this kind: mint<SandboxId>().
template <typename Id>
Id mint()
{
    return Id{std::string{Id::tag::prefix} + "-" + random_base32_80()};
}

/// The only way from text to an id of this kind. `invalid_argument` otherwise.
template <typename Id>
Result<Id> parse_id(std::string_view text)
{
    if (!is_id(text, Id::tag::prefix)) {
        return Error{ErrorCode::invalid_argument,
                     "not a " + std::string{Id::tag::prefix} +
                         "- id (prefix and 16 base32 "
                         "characters)"};
    }
    return Id{std::string{text}};
}

/// A name that people choose for images, hosts and sandboxes: 1 to 63 of
/// [a-z0-9._-] in either case, beginning and ending with a letter or digit. No
/// slash, no "..", so that it is safe as one component of a path.
bool is_name(std::string_view text) noexcept;

/// 1 to 128 of [A-Za-z0-9._-]: safe in logs, headers and XML.
Result<RequestId> parse_request_id(std::string_view text);

} // namespace common
