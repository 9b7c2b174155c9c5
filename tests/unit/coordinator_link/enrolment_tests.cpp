#include "coordinator/link/enrolment.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

using namespace coordinator::link;
using common::ErrorCode;
using common::HostName;
using Texts = std::vector<std::string>;

namespace {

struct EnrolmentFixture {
    EnrolmentFixture()
    {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "enrolment-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        file = folder / "enrolled";
    }
    ~EnrolmentFixture() { std::filesystem::remove_all(folder); }

    void write(const std::string& text)
    {
        // As editors and enrol() do: another file in its place.
        const auto next = folder / "next";
        std::ofstream{next} << text;
        std::filesystem::rename(next, file);
    }
    static std::string key(char fill) { return std::string(40, fill); }
    static std::string host(Enrolment& enrolment, char fill)
    {
        const auto name = enrolment.host_of(key(fill));
        return name ? name->str() : "nobody";
    }

    std::filesystem::path folder;
    std::filesystem::path file;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(enrolment_tests, EnrolmentFixture)

BOOST_AUTO_TEST_CASE(a_file_names_the_host_of_each_key_between_comments_and_blanks)
{
    write("# hosts\n\n  h1   " + key('a') + "  # the first\nh2 " + key('b') + "\n");
    Enrolment enrolment{file};
    BOOST_REQUIRE(enrolment.load());
    BOOST_TEST(host(enrolment, 'a') == "h1");
    BOOST_TEST(host(enrolment, 'b') == "h2");
    BOOST_TEST(host(enrolment, 'c') == "nobody");
    BOOST_TEST(enrolment.keys()->size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_missing_or_wrong_is_an_error_at_start)
{
    Enrolment enrolment{file};
    BOOST_CHECK(enrolment.load().error().code == ErrorCode::not_found);
    for (const auto& text : Texts{"h1",
                                  "h1 short",
                                  "../h1 " + key('a'),
                                  "h1 " + key('a') + " more",
                                  "h1 " + key('a') + "\nh2 " + key('a')}) {
        write("# one\n" + text + "\n");
        const auto loaded = enrolment.load();
        BOOST_REQUIRE(!loaded);
        BOOST_CHECK(loaded.error().code == ErrorCode::invalid_argument);
        BOOST_TEST(loaded.error().message.find(" line ") != std::string::npos);
        BOOST_TEST(loaded.error().message.find(key('a').substr(1) + "b") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_changed_file_counts_at_once_however_fast_it_changes)
{
    write("h1 " + key('a') + "\n");
    Enrolment enrolment{file};
    BOOST_REQUIRE(enrolment.load());
    for (int i = 0; i < 50; ++i) {
        write("h2 " + key('b') + "\n"); // The same size, often within one tick of the clock.
        BOOST_TEST(host(enrolment, 'b') == "h2");
        BOOST_TEST(host(enrolment, 'a') == "nobody");
        write("h1 " + key('a') + "\n");
        BOOST_TEST(host(enrolment, 'a') == "h1");
        BOOST_TEST(host(enrolment, 'b') == "nobody");
    }
}

BOOST_AUTO_TEST_CASE(the_keys_are_the_same_object_until_the_file_changes)
{
    write("h1 " + key('a') + "\n");
    Enrolment enrolment{file};
    BOOST_TEST(enrolment.keys()->size() == 1U);
    const auto first = enrolment.keys();
    BOOST_TEST((enrolment.keys() == first));
    write("h2 " + key('b') + "\n");
    const auto second = enrolment.keys();
    BOOST_TEST((second != first));
    BOOST_TEST(second->at(key('b')).str() == "h2");
    write("rubbish\n");
    BOOST_TEST((enrolment.keys() == second));
}

BOOST_AUTO_TEST_CASE(while_the_new_text_is_wrong_or_missing_the_old_one_counts)
{
    write("h1 " + key('a') + "\n");
    Enrolment enrolment{file};
    BOOST_REQUIRE(enrolment.load());
    write("h2 " + key('b') + "\nrubbish\n");
    BOOST_TEST(host(enrolment, 'a') == "h1");
    BOOST_TEST(host(enrolment, 'b') == "nobody");
    std::filesystem::remove(file);
    BOOST_TEST(host(enrolment, 'a') == "h1");
    write("h2 " + key('b') + "\n");
    BOOST_TEST(host(enrolment, 'b') == "h2");
    BOOST_TEST(host(enrolment, 'a') == "nobody");
}

BOOST_AUTO_TEST_CASE(enrolling_adds_hosts_and_gives_a_host_another_key)
{
    BOOST_REQUIRE(enrol(file, HostName{"h1"}, key('a')));
    BOOST_REQUIRE(enrol(file, HostName{"h2"}, key('b')));
    Enrolment enrolment{file};
    BOOST_REQUIRE(enrolment.load());
    BOOST_REQUIRE(enrol(file, HostName{"h1"}, key('c')));
    BOOST_TEST(host(enrolment, 'a') == "nobody");
    BOOST_TEST(host(enrolment, 'b') == "h2");
    BOOST_TEST(host(enrolment, 'c') == "h1");
    BOOST_REQUIRE(enrol(file, HostName{"h1"}, key('c'))); // Again: nothing changes.
    BOOST_TEST(enrolment.keys()->size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_key_of_another_host_is_refused_and_the_file_stays)
{
    BOOST_REQUIRE(enrol(file, HostName{"h1"}, key('a')));
    const auto refused = enrol(file, HostName{"h2"}, key('a'));
    BOOST_CHECK(refused.error().code == ErrorCode::already_exists);
    Enrolment enrolment{file};
    BOOST_REQUIRE(enrolment.load());
    BOOST_TEST(host(enrolment, 'a') == "h1");
    BOOST_TEST(enrolment.keys()->size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_wrong_is_not_overwritten)
{
    write("rubbish\n");
    BOOST_CHECK(enrol(file, HostName{"h1"}, key('a')).error().code == ErrorCode::invalid_argument);
    std::string text;
    std::getline(std::ifstream{file}, text);
    BOOST_TEST(text == "rubbish");
    BOOST_TEST(!enrol(folder / "no-such-folder/enrolled", HostName{"h1"}, key('a')).has_value());
}

BOOST_AUTO_TEST_CASE(a_list_enrols_many_at_once_or_none)
{
    const auto list = folder / "list";
    std::ofstream{list} << "# simulated\nh1 " << key('a') << "\nh2 " << key('b') << "\n";
    write("h1 " + key('x') + "\nh3 " + key('c') + "\n");
    BOOST_TEST(*enrol_all(file, list) == 2U);
    Enrolment enrolment{file};
    BOOST_REQUIRE(enrolment.load());
    BOOST_TEST(host(enrolment, 'a') == "h1"); // With another key than before.
    BOOST_TEST(host(enrolment, 'x') == "nobody");
    BOOST_TEST(host(enrolment, 'b') == "h2");
    BOOST_TEST(host(enrolment, 'c') == "h3");

    std::ofstream{list} << "h4 " << key('d') << "\nh5 " << key('c') << "\n";
    BOOST_CHECK(enrol_all(file, list).error().code == ErrorCode::already_exists);
    BOOST_TEST(host(enrolment, 'd') == "nobody");
}

BOOST_AUTO_TEST_SUITE_END()
