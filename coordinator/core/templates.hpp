#pragma once

#include "common/bytes.hpp"
#include "coordinator/core/record_changes.hpp"

namespace coordinator {

struct TemplateLimits {
    std::uint64_t templates = 1000;                ///< Of one tenant.
    common::Bytes size = common::Bytes::kib(64);   ///< Of one's fields.
    std::chrono::milliseconds patience{10'000};    ///< Until others have made their changes.
    std::chrono::milliseconds write_limit{30'000}; ///< A guard: the store is less patient.
};

struct TemplateRequest {
    std::string name;
    std::string description;
    std::string fields; ///< Of a create: a JSON object, which was looked at.
    std::string image;  ///< That they name.
};

/// Tenants' templates: what the HTTP layer asks of them. They are in the database alone, and
/// changed as RecordChanges does it.
///
/// Any thread; calls block, within bounds. `not_found`: unknown_template. `timeout`
/// (outcome_unknown): nobody knows whether it was written.
class Templates {
public:
    Templates(Store& store, const common::Clock& clock, TemplateLimits limits)
        : store_{store},
          clock_{clock},
          limits_{limits},
          changes_{store, "templates", {limits.patience, limits.write_limit}}
    {}

    common::Result<TemplatePage> list(const Caller& caller, Page page);
    common::Result<Template> get(const Caller& caller, const std::string& name);
    /// `already_exists` (template_exists); `failed_precondition` (too_many_templates,
    /// template_too_large).
    common::Result<Template> create(const Caller& caller, const TemplateRequest& request);
    /// All it says is replaced. `failed_precondition` (template_too_large).
    common::Result<Template> replace(const Caller& caller, const TemplateRequest& request);
    common::Result<> remove(const Caller& caller, const std::string& name);

private:
    using Attempt = RecordChanges::Attempt;

    [[nodiscard]] common::Result<> fits(const Attempt& attempt,
                                        const TemplateRequest& request) const;

    Store& store_;
    const common::Clock& clock_;
    const TemplateLimits limits_;
    RecordChanges changes_;
};

} // namespace coordinator
