#include "coordinator/http/rest/playbook_yaml.hpp"

#include <boost/test/unit_test.hpp>

// What PyYAML and Ansible make of it: tests/fleet/test_playbooks.py.
using namespace coordinator;
using namespace coordinator::http::rest;

namespace {

std::string yaml_of(const std::string& params, const std::string& module = "apt")
{
    Playbook playbook;
    playbook.name = "web";
    playbook.tasks.push_back({{}, "t", module, params, {}});
    auto yaml = playbook_yaml(playbook);
    const auto from = yaml.find("      ");
    return yaml.substr(from);
}

} // namespace

BOOST_AUTO_TEST_SUITE(playbook_yaml_tests)

BOOST_AUTO_TEST_CASE(a_playbook_is_one_play_with_its_tasks_in_order)
{
    Playbook playbook;
    playbook.name = "web";
    playbook.hosts = "web:&staging";
    playbook.become = true;
    BOOST_TEST(playbook_yaml(playbook) == "---\n"
                                          "- name: \"web\"\n"
                                          "  hosts: \"web:&staging\"\n"
                                          "  become: true\n"
                                          "  tasks: []\n");
    playbook.become = false;
    playbook.tasks.push_back({{}, "install", "apt", R"({"name":"nginx","state":"present"})", {}});
    playbook.tasks.push_back({{}, "a: b #c", "ansible.builtin.ping", "{}", {}});
    BOOST_TEST(playbook_yaml(playbook) == "---\n"
                                          "- name: \"web\"\n"
                                          "  hosts: \"web:&staging\"\n"
                                          "  become: false\n"
                                          "  tasks:\n"
                                          "    - name: \"install\"\n"
                                          "      apt:\n"
                                          "        name: \"nginx\"\n"
                                          "        state: \"present\"\n"
                                          "    - name: \"a: b #c\"\n"
                                          "      ansible.builtin.ping: {}\n");
}

BOOST_AUTO_TEST_CASE(parameters_keep_their_types_and_their_order)
{
    BOOST_TEST(yaml_of(R"({"z":1,"a":-2,"n":null,"t":true,"f":false,"x":1.5})") ==
               "      apt:\n"
               "        z: 1\n"
               "        a: -2\n"
               "        \"n\": null\n"
               "        t: true\n"
               "        f: false\n"
               "        x: 1.5\n");
    BOOST_TEST(yaml_of(R"({"l":[1,"a",[],{},[2,[3]],{"k":[{"v":4}]}],"o":{"p":{}}})") ==
               "      apt:\n"
               "        l:\n"
               "          - 1\n"
               "          - \"a\"\n"
               "          - []\n"
               "          - {}\n"
               "          -\n"
               "            - 2\n"
               "            -\n"
               "              - 3\n"
               "          -\n"
               "            k:\n"
               "              -\n"
               "                v: 4\n"
               "        o:\n"
               "          p: {}\n");
}

BOOST_AUTO_TEST_CASE(numbers_stay_as_they_were_written_unless_yaml_took_them_for_strings)
{
    for (const auto& [json, yaml] : std::vector<std::pair<std::string, std::string>>{
             {"0.10", "0.10"},
             {"1e3", "1.0e+3"},
             {"1E-3", "1.0e-3"},
             {"-1.5e10", "-1.5e+10"},
             {"2.50E+07", "2.50e+07"},
             {"18446744073709551616", "18446744073709551616"}}) {
        BOOST_TEST(yaml_number(json) == yaml);
        BOOST_TEST(yaml_of("{\"k\":" + json + "}") == "      apt:\n        k: " + yaml + "\n");
    }
    BOOST_TEST(yaml_of(R"({"k":18446744073709551615,"j":-9223372036854775808})") ==
               "      apt:\n        k: 18446744073709551615\n        j: -9223372036854775808\n");
}

BOOST_AUTO_TEST_CASE(what_is_not_printable_or_breaks_lines_is_escaped)
{
    using namespace std::string_literals;
    BOOST_TEST(yaml_text("") == R"("")");
    BOOST_TEST(yaml_text("a\nb\tc\r") == R"("a\nb\tc\x0d")");
    BOOST_TEST(yaml_text("\0\x01\x1b\x7f"s) == R"("\x00\x01\x1b\x7f")");
    BOOST_TEST(yaml_text("\"\\") == R"("\"\\")");
    BOOST_TEST(yaml_text("\u0080\u0085\u009f") == R"("\x80\x85\x9f")");
    BOOST_TEST(yaml_text("\u2028\u2029\ufeff") == R"("\u2028\u2029\ufeff")");
    BOOST_TEST(yaml_text("\xef\xbf\xbe\xef\xbf\xbf") == R"("\ufffe\uffff")");
    const std::string fine = "\u00a0\u00e4\u4e2d\ue000\ufffd\U0001f40e\U0010ffff";
    BOOST_TEST(yaml_text(fine) == '"' + fine + '"');
}

BOOST_AUTO_TEST_CASE(only_keys_that_are_nothing_but_keys_stand_without_quotes)
{
    for (const auto& [key, yaml] :
         std::vector<std::pair<std::string, std::string>>{{"src", "src"},
                                                          {"_x", "\"_x\""},
                                                          {"yes", "\"yes\""},
                                                          {"Off", "\"Off\""},
                                                          {"NULL", "\"NULL\""},
                                                          {"1e3", "\"1e3\""},
                                                          {"", "\"\""},
                                                          {"<<", "\"<<\""},
                                                          {"=", "\"=\""},
                                                          {"a b", "\"a b\""},
                                                          {"a:", "\"a:\""},
                                                          {"- x", "\"- x\""}}) {
        BOOST_TEST(yaml_of("{\"" + key + "\":1}") == "      apt:\n        " + yaml + ": 1\n");
    }
    BOOST_TEST(yaml_of("{}", "yes") == "      \"yes\": {}\n");
    const std::string long_key(600, 'k');
    BOOST_TEST(yaml_of("{\"" + long_key + "\":[1],\"b\":2}") == "      apt:\n"
                                                                "        ? " +
                                                                    long_key +
                                                                    "\n        :\n"
                                                                    "          - 1\n"
                                                                    "        b: 2\n");
}

BOOST_AUTO_TEST_SUITE_END()
