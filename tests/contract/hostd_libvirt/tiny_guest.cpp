#include "tests/contract/hostd_libvirt/tiny_guest.hpp"

#include <string_view>

namespace tests {

namespace {

using namespace std::string_view_literals;

// The ACPI registers of q35 as SeaBIOS places them: 0x600 PM1 status, 0x602 PM1 enable, 0x604 PM1
// control. Enabled before "up" is said, so that whoever reads that may press.
constexpr auto say_up = "\xBA\x02\x06"       //       mov  $0x602, %dx
                        "\xB8\x00\x01"       //       mov  $0x100, %ax   PWRBTN_EN
                        "\xEF"               //       out  %ax, %dx
                        "\xBA\xF8\x03"       //       mov  $0x3f8, %dx   the first serial port
                        "\xB0\x75\xEE"       //       mov  $'u', %al;  out %al, %dx
                        "\xB0\x70\xEE"       //       mov  $'p', %al;  out %al, %dx
                        "\xB0\x0A\xEE"sv;    //       mov  $'\n', %al; out %al, %dx
constexpr auto await_button = "\xFB\xF4"     // 1: sti; hlt         until the timer's next tick
                              "\xBA\x00\x06" //    mov  $0x600, %dx
                              "\xED"         //    in   %dx, %ax
                              "\xF6\xC4\x01" //    test $1, %ah     PWRBTN_STS
                              "\x74\xF5"sv;  //    jz   1b
constexpr auto power_off = "\xBA\x04\x06"    //    mov  $0x604, %dx
                           "\xB8\x00\x20"    //    mov  $0x2000, %ax   SLP_EN, S5
                           "\xEF"            //    out  %ax, %dx
                           "\xF4\xEB\xFD"sv; // 2: hlt; jmp 2b

} // namespace

std::string boot_sector(Guest guest)
{
    std::string sector;
    if (guest == Guest::waits_for_the_button) {
        sector.append(say_up).append(await_button);
    }
    sector.append(power_off);
    sector.resize(510);
    return sector + "\x55\xAA";
}

} // namespace tests
