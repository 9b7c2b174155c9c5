#include "cli/completion.hpp"

#include <algorithm>

namespace cli {

namespace {

/// The option of this name, which may be one of the commands above.
const CLI::Option* find_option(const CLI::App* app, const std::string& name)
{
    for (; app != nullptr; app = app->get_parent()) {
        if (const auto* option = app->get_option_no_throw(name)) {
            return option;
        }
    }
    return nullptr;
}

bool takes_value(const CLI::Option* option)
{
    return option != nullptr && option->get_items_expected_max() > 0;
}

const CLI::App* find_command(const CLI::App& app, const std::string& name)
{
    const auto named =
        app.get_subcommands([&](const CLI::App* command) { return command->get_name() == name; });
    return named.empty() ? nullptr : named.front();
}

/// Visible ones: an empty group hides.
std::vector<std::string> names_of_commands(const CLI::App& app)
{
    std::vector<std::string> names;
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (!command->get_group().empty()) {
            names.push_back(command->get_name());
        }
    }
    return names;
}

std::vector<std::string> names_of_options(const CLI::App* app)
{
    std::vector<std::string> names;
    for (; app != nullptr; app = app->get_parent()) {
        for (const auto* option : app->get_options()) {
            for (const auto& name : option->get_lnames()) {
                names.push_back("--" + name);
            }
        }
    }
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

/// "table" and "json" of a type that CLI11 tells as "FORMAT:{table,json}".
std::vector<std::string> values_of(const std::string& type)
{
    const auto begin = type.find('{');
    const auto end = type.find('}');
    if (begin == std::string::npos || end == std::string::npos) {
        return {};
    }
    return CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

/// Where the words before the last one lead to.
struct Place {
    const CLI::App* app;
    std::vector<std::string> positionals;
    const CLI::Option* waits = nullptr; ///< It was typed, and its value is what comes.
    bool options_ended = false;         ///< Behind "--".
};

Place follow(const CLI::App& app, const std::vector<std::string>& words)
{
    Place place{&app, {}};
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const auto& word = words[i];
        if (place.waits != nullptr) {
            if (word != "=") { // Bash splits there.
                place.waits = nullptr;
            }
        } else if (word == "--" && !place.options_ended) {
            place.options_ended = true;
        } else if (!place.options_ended && word.size() > 1 && word.front() == '-') {
            const auto* option = find_option(place.app, word);
            place.waits = takes_value(option) ? option : nullptr;
        } else if (const auto* below = place.positionals.empty() && !place.options_ended
                                           ? find_command(*place.app, word)
                                           : nullptr) {
            place.app = below;
        } else {
            place.positionals.push_back(word);
        }
    }
    return place;
}

/// The positional that comes next; the last one, if it takes many.
const CLI::Option* next_positional(const Place& place)
{
    std::size_t left = place.positionals.size();
    for (const auto* option : place.app->get_options()) {
        if (!option->get_positional()) {
            continue;
        }
        const bool many = option->get_items_expected_max() > 1;
        if (left == 0 || many) {
            return option;
        }
        --left;
    }
    return nullptr;
}

} // namespace

std::vector<std::string>
completions(const CLI::App& app, const std::vector<std::string>& words, const Lookup& lookup)
{
    const auto place = follow(app, words);
    auto typed = words.empty() ? std::string{} : words.back();
    if (typed == "=") {
        typed.clear();
    }
    std::vector<std::string> found;
    const auto* value_of = place.waits;
    const bool option_comes = value_of == nullptr && !place.options_ended && typed.starts_with('-');
    if (option_comes) {
        found = names_of_options(place.app);
    } else if (value_of == nullptr && place.positionals.empty()) {
        found = names_of_commands(*place.app);
    }
    if (value_of == nullptr && !option_comes) {
        value_of = next_positional(place); // Beside commands, of one that has both.
    }
    if (value_of != nullptr) {
        const auto type = value_of->get_type_name();
        auto values = values_of(type);
        if (values.empty()) {
            // A positional one is named by what it is, an option has that as its type.
            values = lookup(value_of->get_positional() ? value_of->get_name(true)
                                                       : type.substr(0, type.find(':')),
                            place.positionals);
        }
        found.insert(found.end(), values.begin(), values.end());
    }
    std::erase_if(found, [&](const std::string& one) { return !one.starts_with(typed); });
    return found;
}

} // namespace cli
