#include "hostd/core/admission.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using common::Bytes;
using common::ErrorCode;

namespace {

const Capacity capacity{Bytes::mib(1000), 4, Bytes::mib(50)};

SandboxSpec sized(unsigned vcpus, std::uint64_t mib)
{
    SandboxSpec spec;
    spec.vcpus = vcpus;
    spec.memory = Bytes::mib(mib);
    return spec;
}

} // namespace

BOOST_AUTO_TEST_SUITE(admission_tests)

BOOST_AUTO_TEST_CASE(memory_is_charged_with_its_overhead_to_the_last_byte)
{
    BOOST_TEST(admit(sized(1, 950), capacity, {}).has_value());
    const auto refused = admit(sized(1, 951), capacity, {});
    BOOST_REQUIRE(!refused);
    BOOST_CHECK(refused.error().code == ErrorCode::resource_exhausted);
    BOOST_TEST(refused.error().reason == "no_memory");
    BOOST_TEST(refused.error().message.find("951") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_committed_counts)
{
    Commitment committed;
    committed.add(sized(2, 400), capacity);
    committed.add(sized(1, 400), capacity);
    BOOST_TEST(committed.memory.mib() == 900U);
    BOOST_TEST(admit(sized(1, 50), capacity, committed).has_value());
    BOOST_TEST(admit(sized(1, 51), capacity, committed).error().reason == "no_memory");
    BOOST_TEST(admit(sized(2, 50), capacity, committed).error().reason == "no_vcpus");
}

BOOST_AUTO_TEST_CASE(sizes_that_make_no_sense_are_invalid)
{
    for (const auto& spec : {sized(0, 100), sized(1, 0), sized(100000, 100)}) {
        BOOST_CHECK(admit(spec, capacity, {}).error().code == ErrorCode::invalid_argument);
    }
    auto huge = sized(1, 1);
    huge.memory = Bytes{~std::uint64_t{0}};
    BOOST_CHECK(admit(huge, capacity, {}).error().code == ErrorCode::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
