// The one translation unit of each test program that defines its main().
#define BOOST_TEST_MODULE paddock
#include <boost/test/unit_test.hpp>
