// SPDX-License-Identifier: Apache-2.0
// JPEG with libjpeg. The library reports errors by a jump: everything that must be freed stands in
// one structure that the caller of the jumping function owns, so that no jump loses memory.
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
// after jpeglib.h
#include <jerror.h>

#include "image/codec.h"

enum { SCANS_MAX = 500 }; // progressive pictures have about ten; each costs a pass over all pixels

struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const struct mopt_encoded *encoded;
    struct mopt_image *image;
    uint8_t *line; // CMYK pixels of one row
    struct mopt_error *err;
    enum mopt_status status;
};

static struct decoder *of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

// Called by the library instead of returning.
static void fail(j_common_ptr jpeg)
{
    struct decoder *decoder = of(jpeg);
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    decoder->status = jpeg->err->msg_code == JERR_OUT_OF_MEMORY
                          ? mopt_error_memory(decoder->err)
                          : mopt_error_set(decoder->err, MOPT_E_FORMAT, "JPEG: %s", text);
    longjmp(decoder->jump, 1);
}

// Warnings are let pass but the one that the file ends too early.
static void hear(j_common_ptr jpeg, int level)
{
    if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF) {
        fail(jpeg);
    }
}

static void watch(j_common_ptr jpeg)
{
    struct decoder *decoder = of(jpeg);
    if (decoder->jpeg.input_scan_number > SCANS_MAX) {
        decoder->status =
            mopt_error_set(decoder->err, MOPT_E_LIMIT, "JPEG: more than %d scans", (int)SCANS_MAX);
        longjmp(decoder->jump, 1);
    }
}

// Which colours come out; bytes per pixel there.
static size_t choose_colours(struct jpeg_decompress_struct *jpeg)
{
    switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE:
        jpeg->out_color_space = JCS_GRAYSCALE;
        return 1;
    case JCS_CMYK:
    case JCS_YCCK:
        jpeg->out_color_space = JCS_CMYK;
        return 4;
    default:
        jpeg->out_color_space = JCS_RGB;
        return 3;
    }
}

// a * b / 255, rounded, for 0 <= a, b <= 255.
static unsigned share(unsigned a, unsigned b)
{
    unsigned x = a * b + 128;
    return (x + (x >> 8)) >> 8;
}

// Four-colour pictures store 255 - ink (as Adobe writes them): red = what cyan and black leave of
// white.
static void cmyk_to_rgb(const uint8_t *from, size_t pixels, uint8_t *to)
{
    for (size_t i = 0; i < pixels; i++, from += 4, to += 3) {
        unsigned white = from[3];
        for (size_t c = 0; c < 3; c++) {
            unsigned ink = share(255U - from[c], white);
            to[c] = (uint8_t)(ink < white ? white - ink : 0);
        }
    }
}

static void read_rows(struct decoder *decoder, size_t colours)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    uint8_t *data = decoder->image->data;
    size_t width = jpeg->output_width;
    while (jpeg->output_scanline < jpeg->output_height) {
        size_t row = jpeg->output_scanline;
        uint8_t *to = data + row * width * (colours == 4 ? 3 : colours);
        JSAMPROW line = colours == 4 ? decoder->line : to;
        if (jpeg_read_scanlines(jpeg, &line, 1) == 1 && colours == 4) {
            cmyk_to_rgb(decoder->line, width, to);
        }
    }
}

// Jumps out of the library end here.
static void decode(struct decoder *decoder)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    if (setjmp(decoder->jump) != 0) {
        return;
    }
    jpeg_create_decompress(jpeg);
    jpeg->client_data = decoder; // creation clears the structure but for this in some versions
    jpeg->progress = &decoder->progress;
    jpeg_mem_src(jpeg, decoder->encoded->data, decoder->encoded->size);
    jpeg_read_header(jpeg, TRUE);
    size_t colours = choose_colours(jpeg);
    decoder->status = mopt__codec_room(decoder->encoded, jpeg->image_width, jpeg->image_height,
                                       colours == 4 ? 3 : colours, decoder->image, decoder->err);
    if (decoder->status != MOPT_OK) {
        return;
    }
    decoder->line = colours == 4 ? mopt__malloc((size_t)jpeg->image_width * 4) : NULL;
    if (colours == 4 && !decoder->line) {
        decoder->status = mopt_error_memory(decoder->err);
        return;
    }
    jpeg_start_decompress(jpeg);
    read_rows(decoder, colours);
    jpeg_finish_decompress(jpeg);
}

static enum mopt_status jpeg_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                    struct mopt_error *err)
{
    struct decoder *decoder = mopt__calloc(1, sizeof *decoder);
    if (!decoder) {
        return mopt_error_memory(err);
    }
    decoder->err = err;
    decoder->encoded = encoded;
    decoder->image = out;
    decoder->jpeg.err = jpeg_std_error(&decoder->errors);
    decoder->jpeg.client_data = decoder;
    decoder->errors.error_exit = fail;
    decoder->errors.emit_message = hear;
    decoder->progress.progress_monitor = watch;
    decode(decoder);
    jpeg_destroy_decompress(&decoder->jpeg);
    enum mopt_status status = decoder->status;
    mopt__free(decoder->line);
    mopt__free(decoder);
    return status;
}

static bool is_jpeg(const uint8_t *data, size_t size)
{
    return size >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0;
}

const struct mopt_codec mopt__codec_jpeg = {.name = "jpeg",
                                            .works = true,
                                            .matches = is_jpeg,
                                            .decode = jpeg_decode};
