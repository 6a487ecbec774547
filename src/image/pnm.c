// SPDX-License-Identifier: Apache-2.0
// Portable any-map: P1 to P6 (bits, greys, colours; as text or bytes) and P7 (PAM) with 1 to 4
// channels. Samples of another maximum than 255 are scaled and rounded.
#include <string.h>

#include "base/size.h"
#include "image/codec.h"

struct reader {
    const uint8_t *data;
    size_t size, at;
    const char *problem; // NULL: none
};

struct header {
    char kind; // '1' to '7'
    size_t width, height, channels, most;
    bool ended; // P7: ENDHDR was seen
};

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// White space, and comments from '#' to the end of the line.
static void skip_space(struct reader *in)
{
    while (in->at < in->size && (is_space(in->data[in->at]) || in->data[in->at] == '#')) {
        if (in->data[in->at] == '#') {
            const uint8_t *end = memchr(in->data + in->at, '\n', in->size - in->at);
            in->at = end ? (size_t)(end - in->data) : in->size;
        } else {
            in->at++;
        }
    }
}

static size_t read_number(struct reader *in)
{
    size_t value = 0;
    size_t digits = 0;
    skip_space(in);
    for (; in->at < in->size && in->data[in->at] >= '0' && in->data[in->at] <= '9'; in->at++) {
        value = value * 10 + (size_t)(in->data[in->at] - '0');
        if (++digits > 9) {
            in->problem = "a number is too large";
            return 0;
        }
    }
    if (digits == 0) {
        in->problem = in->at < in->size ? "a number is malformed" : "cut short";
    }
    return value;
}

// One line "NAME VALUE" of P7.
static void read_field(struct reader *in, struct header *header)
{
    static const char *const names[] = {"WIDTH", "HEIGHT", "DEPTH", "MAXVAL"};
    size_t *const values[] = {&header->width, &header->height, &header->channels, &header->most};
    skip_space(in);
    size_t left = in->size - in->at;
    const char *text = (const char *)in->data + in->at;
    for (size_t i = 0; i < MOPT_COUNTOF(names); i++) {
        size_t length = strlen(names[i]);
        if (left > length && memcmp(text, names[i], length) == 0 &&
            is_space(in->data[in->at + length])) {
            in->at += length;
            *values[i] = read_number(in);
            return;
        }
    }
    const uint8_t *end = memchr(text, '\n', left);
    header->ended = left > 6 && memcmp(text, "ENDHDR", 6) == 0;
    if (!end || (!header->ended && (left < 8 || memcmp(text, "TUPLTYPE", 8) != 0))) {
        in->problem = "the header is malformed";
        return;
    }
    in->at = header->ended ? (size_t)(end - in->data) : (size_t)(end - in->data) + 1;
}

static void read_header(struct reader *in, struct header *header)
{
    header->kind = (char)in->data[1];
    in->at = 2;
    if (header->kind == '7') {
        while (!in->problem && !header->ended) {
            read_field(in, header);
        }
    } else {
        header->channels = header->kind == '3' || header->kind == '6' ? 3 : 1;
        header->width = read_number(in);
        header->height = in->problem ? 0 : read_number(in);
        header->most = 1;
        if (!in->problem && header->kind != '1' && header->kind != '4') {
            header->most = read_number(in);
        }
    }
    if (!in->problem && (header->most == 0 || header->most > 65535)) {
        in->problem = "the largest value must be 1 to 65535";
    }
    in->at += header->kind >= '4'; // bytes stand behind one white space
}

static uint8_t scale(size_t value, size_t most)
{
    size_t kept = value < most ? value : most;
    return (uint8_t)((kept * 255 * 2 + most) / (2 * most));
}

// Bits as text may stand without a space between them.
static size_t read_bit(struct reader *in)
{
    skip_space(in);
    if (in->at >= in->size || (in->data[in->at] != '0' && in->data[in->at] != '1')) {
        in->problem = in->at < in->size ? "a bit is malformed" : "cut short";
        return 0;
    }
    return (size_t)(in->data[in->at++] - '0');
}

static void read_text(struct reader *in, const struct header *header, struct mopt_image *out)
{
    size_t count = out->width * out->height * out->channels;
    for (size_t i = 0; i < count && !in->problem; i++) {
        if (header->kind == '1') {
            out->data[i] = read_bit(in) ? 0 : 255; // 1 is black
        } else {
            out->data[i] = scale(read_number(in), header->most);
        }
    }
}

// Of grey and alpha only the grey is kept.
static void read_bytes(const struct reader *in, const struct header *header, struct mopt_image *out)
{
    size_t pixels = out->width * out->height;
    size_t bytes = header->most > 255 ? 2 : 1;
    const uint8_t *from = in->data + in->at;
    for (size_t i = 0; i < pixels; i++, from += header->channels * bytes) {
        for (size_t c = 0; c < out->channels; c++) {
            const uint8_t *p = from + c * bytes;
            size_t value = bytes > 1 ? ((size_t)p[0] << 8 | p[1]) : p[0];
            out->data[i * out->channels + c] = scale(value, header->most);
        }
    }
}

static void read_bits(const struct reader *in, struct mopt_image *out)
{
    size_t stride = (out->width + 7) / 8;
    for (size_t y = 0; y < out->height; y++) {
        const uint8_t *from = in->data + in->at + y * stride;
        for (size_t x = 0; x < out->width; x++) {
            out->data[y * out->width + x] = from[x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
        }
    }
}

// Bytes (or, as text, at least so many characters) that the pixels take; the size fits by now.
static size_t bytes_of(const struct header *header)
{
    size_t samples = header->width * header->height * header->channels;
    switch (header->kind) {
    case '4':
        return (header->width + 7) / 8 * header->height;
    case '1':
        return samples;
    case '2':
    case '3':
        return 2 * samples; // a space and a digit
    default:
        return header->most > 255 ? 2 * samples : samples;
    }
}

static enum mopt_status pnm_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                   struct mopt_error *err)
{
    struct reader in = {.data = encoded->data, .size = encoded->size};
    struct header header = {.most = 0};
    read_header(&in, &header);
    if (!in.problem && (header.channels == 0 || header.channels > 4)) {
        in.problem = "must have 1 to 4 channels";
    }
    if (in.problem) {
        return mopt_error_set(err, MOPT_E_FORMAT, "PNM: %s", in.problem);
    }
    if (mopt__pixels_fit(header.width, header.height) &&
        (in.at > in.size || in.size - in.at < bytes_of(&header))) {
        return mopt_error_set(err, MOPT_E_FORMAT, "PNM: cut short");
    }
    size_t channels = header.channels == 2 ? 1 : header.channels;
    enum mopt_status status =
        mopt__codec_room(encoded, header.width, header.height, channels, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (header.kind <= '3') {
        read_text(&in, &header, out);
    } else if (header.kind == '4') {
        read_bits(&in, out);
    } else {
        read_bytes(&in, &header, out);
    }
    return in.problem ? mopt_error_set(err, MOPT_E_FORMAT, "PNM: %s", in.problem) : MOPT_OK;
}

static bool is_pnm(const uint8_t *data, size_t size)
{
    return size >= 3 && data[0] == 'P' && data[1] >= '1' && data[1] <= '7' &&
           (is_space(data[2]) || data[2] == '#');
}

const struct mopt_codec mopt__codec_pnm = {.name = "pnm",
                                           .works = true,
                                           .matches = is_pnm,
                                           .decode = pnm_decode};
