// SPDX-License-Identifier: Apache-2.0
// Bitmaps of Windows and OS/2: palettes of 1, 4 and 8 bits, 16, 24 and 32 bits per pixel with and
// without masks. Always comes out as RGB. Run-length coding is refused.
#include <string.h>

#include "base/size.h"
#include "image/codec.h"

enum { FILE_HEADER = 14, PLAIN = 0, MASKS = 3, MASKS_ALPHA = 6 };

struct bitmap {
    const uint8_t *data;
    size_t size;
    size_t header; // bytes of the header behind the file header
    size_t width, height;
    bool top_down;
    unsigned bits;
    uint32_t coding;
    uint32_t masks[3];              // red, green, blue
    size_t palette, colours, entry; // offset, count, bytes each
    size_t pixels, stride;
};

static uint32_t get16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

// Sides of the long header; the height is negative when the first line is the top one.
static enum mopt_status read_sides(struct bitmap *b, struct mopt_error *err)
{
    const uint8_t *p = b->data + FILE_HEADER;
    int64_t width = (int32_t)get32(p + 4);
    int64_t height = (int32_t)get32(p + 8);
    b->top_down = height < 0;
    height = height < 0 ? -height : height;
    if (width <= 0 || height == 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "BMP: sides of %lld and %lld pixels",
                              (long long)width, (long long)height);
    }
    b->width = (size_t)width;
    b->height = (size_t)height;
    return MOPT_OK;
}

static enum mopt_status read_header(struct bitmap *b, struct mopt_error *err)
{
    const uint8_t *p = b->data + FILE_HEADER;
    b->header = b->size >= FILE_HEADER + 4 ? get32(p) : 0;
    bool old = b->header == 12;
    if ((!old && b->header < 40) || b->header > 4096 || b->size - FILE_HEADER < b->header) {
        return mopt_error_set(err, MOPT_E_FORMAT, "BMP: the header is malformed or cut short");
    }
    b->pixels = get32(b->data + 10);
    b->bits = get16(p + (old ? 10 : 14));
    b->palette = FILE_HEADER + b->header;
    b->entry = old ? 3 : 4;
    if (old) {
        b->width = get16(p + 4);
        b->height = get16(p + 6);
        return MOPT_OK;
    }
    b->coding = get32(p + 16);
    b->colours = get32(p + 32);
    return read_sides(b, err);
}

static enum mopt_status read_masks(struct bitmap *b, struct mopt_error *err)
{
    static const uint32_t usual[2][3] = {{0x7c00, 0x3e0, 0x1f}, {0xff0000, 0xff00, 0xff}};
    memcpy(b->masks, usual[b->bits == 32], sizeof b->masks);
    if (b->coding == PLAIN) {
        return MOPT_OK;
    }
    // Behind the header of 40 bytes, inside the longer ones: the same place.
    const size_t at = FILE_HEADER + 40;
    if (b->size < at + 12) {
        return mopt_error_set(err, MOPT_E_FORMAT, "BMP: cut short");
    }
    for (size_t c = 0; c < 3; c++) {
        b->masks[c] = get32(b->data + at + 4 * c);
    }
    return MOPT_OK;
}

static enum mopt_status check_coding(struct bitmap *b, struct mopt_error *err)
{
    bool deep = b->bits == 16 || b->bits == 32;
    bool known = b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 24 || deep;
    if (!known) {
        return mopt_error_set(err, MOPT_E_FORMAT, "BMP: %u bits per pixel", b->bits);
    }
    if (b->coding != PLAIN && !(deep && (b->coding == MASKS || b->coding == MASKS_ALPHA))) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "BMP: coding %u is not supported",
                              (unsigned)b->coding);
    }
    if (b->bits <= 8) {
        size_t most = (size_t)1 << b->bits;
        b->colours = b->colours == 0 || b->colours > most ? most : b->colours;
        if (b->palette > b->size || (b->size - b->palette) / b->entry < b->colours) {
            return mopt_error_set(err, MOPT_E_FORMAT, "BMP: the palette is cut short");
        }
    }
    return deep ? read_masks(b, err) : MOPT_OK;
}

// The lines lie inside the file; the size fits by now.
static enum mopt_status check_lines(struct bitmap *b, struct mopt_error *err)
{
    b->stride = (b->width * b->bits + 31) / 32 * 4;
    size_t last = (b->width * b->bits + 7) / 8; // the last line may lack its filling
    if (b->pixels > b->size || b->size - b->pixels < b->stride * (b->height - 1) + last) {
        return mopt_error_set(err, MOPT_E_FORMAT, "BMP: cut short");
    }
    return MOPT_OK;
}

// The bits under the mask, widened or cut to 8.
static uint8_t under_mask(uint32_t value, uint32_t mask)
{
    if (mask == 0) {
        return 0;
    }
    unsigned shift = (unsigned)__builtin_ctz(mask);
    uint64_t most = mask >> shift;
    uint64_t part = (value & mask) >> shift;
    return (uint8_t)(part * 255 / most);
}

static void read_indexed(const struct bitmap *b, const uint8_t *line, uint8_t *to)
{
    const size_t each = 8 / b->bits;
    for (size_t x = 0; x < b->width; x++, to += 3) {
        unsigned shift = (unsigned)((each - 1 - x % each) * b->bits);
        size_t index = line[x / each] >> shift & ((1U << b->bits) - 1);
        const uint8_t black[3] = {0, 0, 0}; // what the palette does not name
        const uint8_t *from = index < b->colours ? b->data + b->palette + index * b->entry : black;
        to[0] = from[2];
        to[1] = from[1];
        to[2] = from[0];
    }
}

static void read_deep(const struct bitmap *b, const uint8_t *line, uint8_t *to)
{
    const size_t bytes = b->bits / 8;
    for (size_t x = 0; x < b->width; x++, to += 3) {
        const uint8_t *from = line + x * bytes;
        if (bytes == 3) {
            to[0] = from[2];
            to[1] = from[1];
            to[2] = from[0];
            continue;
        }
        uint32_t value = bytes == 2 ? get16(from) : get32(from);
        for (size_t c = 0; c < 3; c++) {
            to[c] = under_mask(value, b->masks[c]);
        }
    }
}

static enum mopt_status bmp_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                   struct mopt_error *err)
{
    struct bitmap b = {.data = encoded->data, .size = encoded->size};
    enum mopt_status status = read_header(&b, err);
    if (status == MOPT_OK) {
        status = check_coding(&b, err);
    }
    if (status == MOPT_OK && mopt__pixels_fit(b.width, b.height)) {
        status = check_lines(&b, err);
    }
    if (status == MOPT_OK) {
        status = mopt__codec_room(encoded, b.width, b.height, 3, out, err);
    }
    for (size_t y = 0; status == MOPT_OK && y < b.height; y++) {
        const uint8_t *line = b.data + b.pixels + (b.top_down ? y : b.height - 1 - y) * b.stride;
        uint8_t *to = out->data + y * b.width * 3;
        if (b.bits <= 8) {
            read_indexed(&b, line, to);
        } else {
            read_deep(&b, line, to);
        }
    }
    return status;
}

// Two letters are little: the header behind them must have a likely length too.
static bool is_bmp(const uint8_t *data, size_t size)
{
    return size >= FILE_HEADER + 4 && data[0] == 'B' && data[1] == 'M' &&
           get32(data + FILE_HEADER) <= 4096;
}

const struct mopt_codec mopt__codec_bmp = {.name = "bmp",
                                           .works = true,
                                           .matches = is_bmp,
                                           .decode = bmp_decode};
