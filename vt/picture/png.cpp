#include "vt/picture/png.hpp"

#include <array>
#include <csetjmp>
#include <png.h>
#include <stdexcept>
#include <string_view>

namespace vt::picture {

namespace {

using common::Error;
using common::ErrorCode;
using common::Result;

constexpr std::size_t pixel_bytes = 3;
/// Screens are flat and their lines repeat: more of it takes longer and saves little.
constexpr int compression_level = 3;

/// libpng's handle of one picture. libpng leaves a call that fails by longjmp, back into the same
/// function of this class: none of them has anything to destroy, and no exception of ours goes
/// through libpng.
class Writer {
public:
    explicit Writer(std::size_t bytes_at_most)
        : bytes_at_most_{bytes_at_most},
          png_{png_create_write_struct(PNG_LIBPNG_VER_STRING, this, &failed, &warned)}
    {
        if (png_ != nullptr) {
            info_ = png_create_info_struct(png_);
        }
    }
    ~Writer() { png_destroy_write_struct(&png_, &info_); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    bool begin(const PixelSize& size)
    {
        if (png_ == nullptr || info_ == nullptr || setjmp(png_jmpbuf(png_)) != 0) {
            return false;
        }
        png_set_write_fn(png_, this, &written, nullptr);
        png_set_compression_level(png_, compression_level);
        png_set_filter(png_, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
        png_set_IHDR(png_,
                     info_,
                     size.width,
                     size.height,
                     8,
                     PNG_COLOR_TYPE_RGB,
                     PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_DEFAULT,
                     PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png_, info_);
        return true;
    }
    bool line(const std::uint8_t* pixels)
    {
        if (setjmp(png_jmpbuf(png_)) != 0) {
            return false;
        }
        png_write_row(png_, pixels);
        return true;
    }
    bool end()
    {
        if (setjmp(png_jmpbuf(png_)) != 0) {
            return false;
        }
        png_write_end(png_, info_);
        return true;
    }

    [[nodiscard]] std::string take() { return std::move(bytes_); }
    [[nodiscard]] const char* why() const noexcept { return why_.data(); }

private:
    static void failed(png_structp png, png_const_charp why)
    {
        auto& self = *static_cast<Writer*>(png_get_error_ptr(png));
        std::string_view{why}
            .substr(0, self.why_.size() - 1)
            .copy(self.why_.data(), self.why_.size() - 1);
        png_longjmp(png, 1);
    }
    static void warned(png_structp /*png*/, png_const_charp /*why*/) {}

    static void written(png_structp png, png_bytep bytes, std::size_t count)
    {
        auto& self = *static_cast<Writer*>(png_get_io_ptr(png));
        if (!self.keep({reinterpret_cast<const char*>(bytes), count})) {
            png_error(png, "there is no room for it");
        }
    }
    bool keep(std::string_view bytes) noexcept
    {
        if (bytes_.size() + bytes.size() > bytes_at_most_) {
            return false;
        }
        try {
            bytes_ += bytes;
            return true;
        } catch (const std::exception&) { // No memory.
            return false;
        }
    }

    std::size_t bytes_at_most_;
    std::string bytes_;
    std::array<char, 100> why_{};
    png_structp png_;
    png_infop info_ = nullptr;
};

Error no_picture(const char* why)
{
    return {ErrorCode::internal, std::string{"draw a picture: "} + why};
}

} // namespace

Result<std::string> png_of(const PixelSize& size, const Lines& lines)
{
    const auto line_bytes = pixel_bytes * size.width;
    const auto all_bytes = line_bytes * size.height;
    // What cannot be compressed is kept as it is, in pieces that have heads.
    Writer writer{all_bytes + all_bytes / 64 + 4096};
    if (!writer.begin(size)) {
        return no_picture(writer.why());
    }
    for (std::uint32_t had = 0; had < size.height;) {
        const auto some = lines();
        if (some.empty() || some.size() % line_bytes != 0) {
            return no_picture("lines of another width");
        }
        for (std::size_t at = 0; at < some.size() && had < size.height; at += line_bytes, ++had) {
            if (!writer.line(some.data() + at)) {
                return no_picture(writer.why());
            }
        }
    }
    if (!writer.end()) {
        return no_picture(writer.why());
    }
    return writer.take();
}

} // namespace vt::picture
