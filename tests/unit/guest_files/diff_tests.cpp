#include "guest/files/diff.hpp"

#include <boost/test/unit_test.hpp>
#include <charconv>
#include <random>

using namespace guest::files;

namespace {

/// What patch(1) makes of it, and nothing else: hunks must fit exactly.
std::string patched(std::string_view text, std::string_view diff)
{
    const auto line = [](std::string_view& rest) {
        const auto taken = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
        rest.remove_prefix(taken.size());
        return taken;
    };
    std::string result;
    std::size_t at = 1;
    while (!diff.empty()) {
        auto each = line(diff);
        if (each.starts_with("---") && at == 1 && result.empty()) {
            line(diff);
            each = line(diff);
        }
        BOOST_REQUIRE(each.starts_with("@@ -"));
        std::size_t begin = 0;
        const auto* const numbers = each.data() + 4;
        const auto stop = std::from_chars(numbers, each.data() + each.size(), begin).ptr;
        std::size_t count = 1;
        if (*stop == ',') {
            std::from_chars(stop + 1, each.data() + each.size(), count);
        }
        begin += count == 0 ? 1 : 0;
        for (; at < begin; ++at) {
            result += line(text);
        }
        while (!diff.empty() && !diff.starts_with("@@")) {
            const auto change = line(diff);
            auto body = change.substr(1);
            if (diff.starts_with("\\ No newline")) {
                line(diff);
                body.remove_suffix(1);
            }
            if (change.front() != '+') {
                BOOST_REQUIRE(line(text) == body);
                ++at;
            }
            if (change.front() != '-') {
                result += body;
            }
        }
    }
    return result.append(text);
}

struct Sample {
    std::string before;
    std::string after;
    std::vector<std::size_t> positions;
};

Sample replace_all(std::string before, std::string_view old_text, std::string_view new_text)
{
    Sample edit{std::move(before), {}, {}};
    std::size_t done = 0;
    for (auto at = edit.before.find(old_text); at != std::string::npos;
         at = edit.before.find(old_text, done)) {
        edit.positions.push_back(at);
        edit.after.append(edit.before, done, at - done).append(new_text);
        done = at + old_text.size();
    }
    edit.after.append(edit.before, done);
    return edit;
}

Diff diff(const Sample& edit,
          std::string_view old_text,
          std::string_view new_text,
          std::size_t at_most = 1'000'000)
{
    return diff_of(
        {edit.before, edit.after, edit.positions, old_text.size(), new_text.size()}, "/f", at_most);
}

std::string diff_text(const std::string& before, std::string_view o, std::string_view n)
{
    return diff(replace_all(before, o, n), o, n).text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(diff_tests)

BOOST_AUTO_TEST_CASE(a_change_is_shown_with_three_lines_around_it)
{
    BOOST_TEST(diff_text("1\n2\n3\n4\nold\n6\n7\n8\n9\n", "old", "new") ==
               "--- /f\n+++ /f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-old\n+new\n 6\n 7\n 8\n");
}

BOOST_AUTO_TEST_CASE(only_what_differs_is_shown_of_a_long_replacement)
{
    BOOST_TEST(diff_text("a\nb\nc\nd\n", "a\nb\nc\n", "a\nB\nc\n") ==
               "--- /f\n+++ /f\n@@ -1,4 +1,4 @@\n a\n-b\n+B\n c\n d\n");
    BOOST_TEST(diff_text("a\nb\n", "b", "b") == "");
}

BOOST_AUTO_TEST_CASE(lines_come_and_go)
{
    BOOST_TEST(diff_text("a\nb\n", "b\n", "") == "--- /f\n+++ /f\n@@ -1,2 +1 @@\n a\n-b\n");
    BOOST_TEST(diff_text("a\nb\n", "a\n", "a\nx\n") ==
               "--- /f\n+++ /f\n@@ -1,2 +1,3 @@\n a\n+x\n b\n");
    BOOST_TEST(diff_text("a\n", "a\n", "") == "--- /f\n+++ /f\n@@ -1 +0,0 @@\n-a\n");
}

BOOST_AUTO_TEST_CASE(a_missing_line_end_is_told)
{
    BOOST_TEST(diff_text("a\nb", "b", "c") ==
               "--- /f\n+++ /f\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n"
               "+c\n\\ No newline at end of file\n");
    BOOST_TEST(diff_text("ab", "b", "") ==
               "--- /f\n+++ /f\n@@ -1 +1 @@\n-ab\n\\ No newline at end of file\n"
               "+a\n\\ No newline at end of file\n");
}

BOOST_AUTO_TEST_CASE(near_changes_share_a_hunk_and_far_ones_do_not)
{
    const auto hunks = [](int between) {
        std::string text = "old\n";
        for (int i = 0; i < between; ++i) {
            text += "x\n";
        }
        const auto shown = diff_text(text + "old\n", "old", "new");
        std::size_t count = 0;
        for (auto at = shown.find("@@ -"); at != std::string::npos;
             at = shown.find("@@ -", at + 1)) {
            ++count;
        }
        return count;
    };
    BOOST_TEST(hunks(6) == 1U);
    BOOST_TEST(hunks(7) == 2U);
}

BOOST_AUTO_TEST_CASE(a_long_diff_ends_after_a_whole_hunk)
{
    std::string text;
    for (int i = 0; i < 1000; ++i) {
        text += "old\n1\n2\n3\n4\n5\n6\n7\n8\n";
    }
    const auto edit = replace_all(text, "old", "new");
    const auto cut = diff(edit, "old", "new", 500);
    BOOST_TEST(cut.truncated);
    BOOST_TEST(cut.text.size() <= 500U);
    BOOST_TEST(cut.text.ends_with("\n 1\n 2\n 3\n"));
    BOOST_TEST(!diff(edit, "old", "new").truncated);
    BOOST_TEST(diff(replace_all(std::string(600'000, '\n'), "\n\n", "\n"), "12", "1").truncated);
}

BOOST_AUTO_TEST_CASE(random_edits_are_undone_by_nothing_but_their_diff)
{
    const auto seed = std::random_device{}();
    BOOST_TEST_CONTEXT("seed " << seed)
    {
        std::mt19937 random{seed};
        const auto some = [&random](std::size_t at_least, std::size_t at_most) {
            std::string text(at_least + random() % (at_most - at_least + 1), ' ');
            for (auto& each : text) {
                each = "ab\n"[random() % 3];
            }
            return text;
        };
        int changed = 0;
        for (int i = 0; i < 20'000; ++i) {
            const auto old_text = some(1, 4);
            const auto new_text = some(0, 4);
            const auto edit = replace_all(some(0, 60), old_text, new_text);
            const auto shown = diff(edit, old_text, new_text);
            BOOST_TEST_CONTEXT("in '" << edit.before << "' '" << old_text << "' by '" << new_text
                                      << "': " << shown.text)
            {
                BOOST_REQUIRE(patched(edit.before, shown.text) == edit.after);
                BOOST_REQUIRE(shown.text.empty() == (edit.before == edit.after));
            }
            changed += shown.text.empty() ? 0 : 1;
        }
        BOOST_TEST(changed > 1000);
    }
}

BOOST_AUTO_TEST_SUITE_END()
