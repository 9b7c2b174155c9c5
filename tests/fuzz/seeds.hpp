#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

/// `--seeds=FOLDER` as the only argument: writes each seed to a file there, and ends. The seeds
/// come from the encoders, so they follow the protocol by themselves.
inline void write_seeds_if_asked(int argc, char** argv, const std::vector<std::string>& seeds)
{
    constexpr std::string_view option = "--seeds=";
    if (argc != 2 || !std::string_view{argv[1]}.starts_with(option)) {
        return;
    }
    const std::filesystem::path folder{argv[1] + option.size()};
    std::filesystem::create_directories(folder);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
        std::ofstream out{folder / ("seed-" + std::to_string(i)), std::ios::binary};
        out << seeds[i];
        if (!out.flush()) {
            std::exit(EXIT_FAILURE);
        }
    }
    std::exit(EXIT_SUCCESS);
}
