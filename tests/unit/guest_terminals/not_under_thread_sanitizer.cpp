#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <unistd.h>

// ThreadSanitizer makes a fork of each vfork: why a program could not be started reaches nobody,
// and much of this suite is about that. Nothing of it has a second thread. 77 is "skipped" to
// ctest.
#if defined(PADDOCK_UNDER_TSAN)
namespace {

struct NotHere {
    NotHere()
    {
        std::fputs("skipped: under ThreadSanitizer a vfork is a fork\n", stderr);
        ::_exit(77);
    }
};

} // namespace

BOOST_TEST_GLOBAL_FIXTURE(NotHere);
#endif
