// SPDX-License-Identifier: Apache-2.0
// PNG with libpng. As in jpeg.c, everything that a jump out of the library must not lose stands in
// one structure.
#include <setjmp.h>
#include <string.h>

#include <png.h>

#include "image/codec.h"

enum { CHUNK_BYTES_MAX = 8 << 20, CHUNKS_MAX = 64, SIDE_MAX = 1 << 26 };

struct decoder {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    const uint8_t *data;
    size_t left;
    const struct mopt_encoded *encoded;
    struct mopt_image *image;
    png_bytep *rows;
    struct mopt_error *err;
    enum mopt_status status;
    bool out_of_memory; // what the library then tells may be anything
};

static void fail(png_structp png, png_const_charp text)
{
    struct decoder *decoder = png_get_error_ptr(png);
    decoder->status = decoder->out_of_memory
                          ? mopt_error_memory(decoder->err)
                          : mopt_error_set(decoder->err, MOPT_E_FORMAT, "PNG: %s", text);
    longjmp(decoder->jump, 1);
}

static void ignore(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static png_voidp take_memory(png_structp png, png_alloc_size_t bytes)
{
    struct decoder *decoder = png_get_mem_ptr(png);
    void *block = mopt__malloc(bytes);
    decoder->out_of_memory = decoder->out_of_memory || !block;
    return block;
}

static void give_memory_back(png_structp png, png_voidp block)
{
    (void)png;
    mopt__free(block);
}

static void give(png_structp png, png_bytep to, size_t bytes)
{
    struct decoder *decoder = png_get_io_ptr(png);
    if (bytes > decoder->left) {
        png_error(png, "cut short");
    }
    memcpy(to, decoder->data, bytes);
    decoder->data += bytes;
    decoder->left -= bytes;
}

// Everything becomes 8 bits per sample: palettes turn into colours (and alpha), small greys are
// widened, of 16 bits the upper 8 stay. Grey with alpha becomes grey.
static void choose_colours(struct decoder *decoder)
{
    png_structp png = decoder->png;
    png_byte colours = png_get_color_type(png, decoder->info);
    bool transparent = png_get_valid(png, decoder->info, PNG_INFO_tRNS) != 0;
    if (colours == PNG_COLOR_TYPE_PALETTE) {
        png_set_palette_to_rgb(png);
        if (transparent) {
            png_set_tRNS_to_alpha(png);
        }
    }
    if (colours == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, decoder->info) < 8) {
        png_set_expand_gray_1_2_4_to_8(png);
    }
    if (png_get_bit_depth(png, decoder->info) == 16) {
        png_set_strip_16(png);
    }
    if (colours == PNG_COLOR_TYPE_GRAY_ALPHA) {
        png_set_strip_alpha(png);
    }
    png_set_interlace_handling(png);
    png_read_update_info(png, decoder->info);
}

static void make_rows(struct decoder *decoder, size_t height, size_t bytes)
{
    uint8_t *data = decoder->image->data;
    for (size_t y = 0; y < height; y++) {
        decoder->rows[y] = data + y * bytes;
    }
}

// Size and colours are known: makes room for the picture.
static enum mopt_status prepare(struct decoder *decoder)
{
    size_t width = png_get_image_width(decoder->png, decoder->info);
    size_t height = png_get_image_height(decoder->png, decoder->info);
    size_t channels = png_get_channels(decoder->png, decoder->info);
    enum mopt_status status =
        mopt__codec_room(decoder->encoded, width, height, channels, decoder->image, decoder->err);
    if (status != MOPT_OK) {
        return status;
    }
    if (png_get_rowbytes(decoder->png, decoder->info) != width * channels || channels == 2) {
        return mopt_error_set(decoder->err, MOPT_E_UNSUPPORTED, "PNG: colour type not supported");
    }
    decoder->rows = mopt__calloc(height, sizeof *decoder->rows);
    if (!decoder->rows) {
        return mopt_error_memory(decoder->err);
    }
    make_rows(decoder, height, width * channels);
    return MOPT_OK;
}

// Jumps out of the library end here.
static void decode(struct decoder *decoder)
{
    if (setjmp(decoder->jump) != 0) {
        return;
    }
    png_set_read_fn(decoder->png, decoder, give);
    png_set_user_limits(decoder->png, SIDE_MAX, SIDE_MAX);
    png_set_chunk_malloc_max(decoder->png, CHUNK_BYTES_MAX);
    png_set_chunk_cache_max(decoder->png, CHUNKS_MAX);
    png_read_info(decoder->png, decoder->info);
    choose_colours(decoder);
    decoder->status = prepare(decoder);
    if (decoder->status == MOPT_OK) {
        png_read_image(decoder->png, decoder->rows);
    }
}

static enum mopt_status png_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                   struct mopt_error *err)
{
    struct decoder *decoder = mopt__calloc(1, sizeof *decoder);
    if (!decoder) {
        return mopt_error_memory(err);
    }
    decoder->err = err;
    decoder->encoded = encoded;
    decoder->image = out;
    decoder->data = encoded->data;
    decoder->left = encoded->size;
    decoder->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, decoder, fail, ignore, decoder,
                                            take_memory, give_memory_back);
    decoder->info = decoder->png ? png_create_info_struct(decoder->png) : NULL;
    if (decoder->info) {
        decode(decoder);
    } else {
        decoder->status = mopt_error_memory(err);
    }
    png_destroy_read_struct(&decoder->png, &decoder->info, NULL);
    enum mopt_status status = decoder->status;
    mopt__free(decoder->rows);
    mopt__free(decoder);
    return status;
}

static bool is_png(const uint8_t *data, size_t size)
{
    return size >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

const struct mopt_codec mopt__codec_png = {.name = "png",
                                           .works = true,
                                           .matches = is_png,
                                           .decode = png_decode};
