// SPDX-License-Identifier: Apache-2.0
// The language of --pre: steps separated by commas, carried out from left to right. Pixels (colour,
// size) come before numbers (scale, mean, std), so that no step can mean two things.
#include <string.h>

#include "data/preprocess.h"

static const char *const STEP_NAMES[MOPT_STEP_COUNT] = {
    [MOPT_STEP_RGB] = "rgb",
    [MOPT_STEP_BGR] = "bgr",
    [MOPT_STEP_GREY] = "grey",
    [MOPT_STEP_RESIZE] = "resize",
    [MOPT_STEP_CROP] = "crop",
    [MOPT_STEP_PAD] = "pad",
    [MOPT_STEP_LETTERBOX] = "letterbox",
    [MOPT_STEP_SCALE] = "scale",
    [MOPT_STEP_MEAN] = "mean",
    [MOPT_STEP_STD] = "std",
    [MOPT_STEP_CHW] = "chw",
    [MOPT_STEP_HWC] = "hwc",
};
static const char *const KERNEL_NAMES[MOPT_KERNEL_COUNT] = {
    [MOPT_KERNEL_PIL_NEAREST] = "pil-nearest", [MOPT_KERNEL_PIL_BILINEAR] = "pil-bilinear",
    [MOPT_KERNEL_PIL_BICUBIC] = "pil-bicubic", [MOPT_KERNEL_PIL_BOX] = "pil-box",
    [MOPT_KERNEL_PIL_HAMMING] = "pil-hamming", [MOPT_KERNEL_PIL_LANCZOS] = "pil-lanczos",
    [MOPT_KERNEL_CV_LINEAR] = "cv-linear",     [MOPT_KERNEL_AREA] = "area",
    [MOPT_KERNEL_NEAREST] = "nearest",
};
static const char *const FIT_NAMES[] = {"short", "long", "exact"};

static const struct {
    const char *name, *text;
} PRESETS[] = {
    {"imagenet", "rgb,resize=256:short:pil-bilinear,crop=224,scale=1/255,mean=.485:.456:.406,"
                 "std=.229:.224:.225,chw"},
    {"imagenet-tf", "rgb,resize=256:short:pil-bilinear,crop=224,scale=1/127.5,mean=1,hwc"},
    {"yolo", "rgb,letterbox=640:114,scale=1/255,chw"},
    {"mnist", "grey,scale=1/255,mean=.1307,std=.3081,chw"},
    {"fashion-mnist", "grey,scale=1/255,mean=.2860,std=.3530,chw"},
    {"raw", "hwc"},
};

struct parser {
    size_t at; // character of the step, from 1
    struct mopt_error *err;
};

static enum mopt_status bad(const struct parser *parser, const char *step, const char *what)
{
    return mopt_error_set_at(parser->err, MOPT_E_USAGE, (int64_t)parser->at - 1,
                             "preprocessing step '%s' at character %zu: %s", step, parser->at,
                             what);
}

static int find_name(const char *const *names, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], text) == 0) {
            return (int)i;
        }
    }
    return -1;
}

// ---- Values -------------------------------------------------------------------------------------

// Cuts text at the next ':'; NULL when nothing is left.
static char *next_part(char **rest)
{
    char *part = *rest;
    if (part) {
        char *colon = strchr(part, ':');
        *rest = colon ? colon + 1 : NULL;
        if (colon) {
            *colon = '\0';
        }
    }
    return part;
}

static bool parse_side(const char *text, size_t *out)
{
    long long value = 0;
    if (!mopt__parse_i64(text, &value) || value < 1 || value > MOPT_PIXELS_MAX) {
        return false;
    }
    *out = (size_t)value;
    return true;
}

// "224" or "640x480" (width first).
static bool parse_size(char *text, struct mopt_step *step, bool *square)
{
    char *cross = strchr(text, 'x');
    *square = !cross;
    if (!cross) {
        step->height = 0;
        return parse_side(text, &step->width) && (step->height = step->width) > 0;
    }
    *cross = '\0';
    return parse_side(text, &step->width) && parse_side(cross + 1, &step->height);
}

static enum mopt_status too_large(const struct parser *parser, const struct mopt_step *step,
                                  const char *name)
{
    return mopt__pixels_fit(step->width, step->height) ? MOPT_OK
                                                       : bad(parser, name, "more than 2^26 pixels");
}

static enum mopt_status unknown_word(const struct parser *parser, const char *step,
                                     const char *word)
{
    int nearest = mopt__nearest(word, KERNEL_NAMES, MOPT_KERNEL_COUNT);
    const char *hint = nearest >= 0 ? KERNEL_NAMES[nearest] : NULL;
    if (!hint) {
        nearest = mopt__nearest(word, FIT_NAMES, MOPT_COUNTOF(FIT_NAMES));
        hint = nearest >= 0 ? FIT_NAMES[nearest] : NULL;
    }
    return mopt_error_set_at(parser->err, MOPT_E_USAGE, (int64_t)parser->at - 1,
                             "preprocessing step '%s' at character %zu: '%s' is unknown%s%s%s",
                             step, parser->at, word, hint ? ", nearest is '" : "", hint ? hint : "",
                             hint ? "'" : "");
}

static enum mopt_status parse_resize(const struct parser *parser, char *value,
                                     struct mopt_step *step)
{
    bool square = false;
    char *word = next_part(&value);
    step->kernel = MOPT_KERNEL_PIL_BILINEAR;
    if (!parse_size(word, step, &square)) {
        return bad(parser, "resize", "needs a size such as 256 or 640x480");
    }
    step->fit = square ? MOPT_FIT_SHORT : MOPT_FIT_EXACT;
    while ((word = next_part(&value)) != NULL) {
        int fit = find_name(FIT_NAMES, MOPT_COUNTOF(FIT_NAMES), word);
        int kernel = find_name(KERNEL_NAMES, MOPT_KERNEL_COUNT, word);
        if (fit >= 0 && (square || fit == MOPT_FIT_EXACT)) {
            step->fit = (enum mopt_resize_fit)fit;
        } else if (fit >= 0) {
            return bad(parser, "resize", "short and long need one number, not two");
        } else if (kernel >= 0) {
            step->kernel = (enum mopt_kernel)kernel;
        } else {
            return unknown_word(parser, "resize", word);
        }
    }
    return too_large(parser, step, "resize");
}

static enum mopt_status parse_canvas(const struct parser *parser, char *value,
                                     struct mopt_step *step)
{
    const char *name = STEP_NAMES[step->kind];
    bool square = false;
    long long fill = 0;
    char *word = next_part(&value);
    step->kernel = MOPT_KERNEL_CV_LINEAR;
    step->fill = step->kind == MOPT_STEP_LETTERBOX ? 114 : 0;
    if (!parse_size(word, step, &square)) {
        return bad(parser, name, "needs a size such as 224 or 640x480");
    }
    while ((word = next_part(&value)) != NULL) {
        int kernel = find_name(KERNEL_NAMES, MOPT_KERNEL_COUNT, word);
        if (step->kind != MOPT_STEP_CROP && mopt__parse_i64(word, &fill) && fill >= 0 &&
            fill <= UINT8_MAX) {
            step->fill = (uint8_t)fill;
        } else if (step->kind == MOPT_STEP_LETTERBOX && kernel >= 0) {
            step->kernel = (enum mopt_kernel)kernel;
        } else {
            return unknown_word(parser, name, word);
        }
    }
    return too_large(parser, step, name);
}

static enum mopt_status parse_scale(const struct parser *parser, char *value,
                                    struct mopt_step *step)
{
    char *slash = strchr(value, '/');
    step->over = 1;
    if (slash) {
        *slash = '\0';
    }
    bool fits =
        mopt__parse_f64(value, &step->times) && (!slash || mopt__parse_f64(slash + 1, &step->over));
    return fits && step->over != 0 ? MOPT_OK
                                   : bad(parser, "scale", "needs a number or a fraction (1/255)");
}

static enum mopt_status parse_list(const struct parser *parser, char *value, struct mopt_step *step)
{
    const char *name = STEP_NAMES[step->kind];
    char *word = NULL;
    while ((word = next_part(&value)) != NULL) {
        double number = 0;
        if (step->list_count == MOPT_CHANNELS_MAX || !mopt__parse_f64(word, &number)) {
            return bad(parser, name, "needs one to four numbers separated by ':'");
        }
        step->list[step->list_count++] = (float)number;
        if (step->kind == MOPT_STEP_STD && (float)number == 0.0F) {
            return bad(parser, name, "divides by 0");
        }
    }
    return MOPT_OK;
}

// ---- Steps --------------------------------------------------------------------------------------

static enum mopt_status parse_value(const struct parser *parser, char *value,
                                    struct mopt_step *step)
{
    switch (step->kind) {
    case MOPT_STEP_RESIZE:
        return parse_resize(parser, value, step);
    case MOPT_STEP_CROP:
    case MOPT_STEP_PAD:
    case MOPT_STEP_LETTERBOX:
        return parse_canvas(parser, value, step);
    case MOPT_STEP_SCALE:
        return parse_scale(parser, value, step);
    case MOPT_STEP_MEAN:
    case MOPT_STEP_STD:
        return parse_list(parser, value, step);
    default:
        return MOPT_OK;
    }
}

static enum mopt_status unknown_step(const struct parser *parser, const char *name)
{
    int nearest = mopt__nearest(name, STEP_NAMES, MOPT_STEP_COUNT);
    const char *hint = nearest >= 0 ? STEP_NAMES[nearest] : NULL;
    for (size_t i = 0; !hint && i < MOPT_COUNTOF(PRESETS); i++) {
        const char *preset = PRESETS[i].name;
        hint = mopt__nearest(name, &preset, 1) == 0 ? preset : NULL;
    }
    if (hint && strcmp(hint, name) == 0) {
        return bad(parser, name, "a preset stands alone");
    }
    return mopt_error_set_at(parser->err, MOPT_E_USAGE, (int64_t)parser->at - 1,
                             "preprocessing step '%s' at character %zu is unknown%s%s%s", name,
                             parser->at, hint ? ", nearest is '" : "", hint ? hint : "",
                             hint ? "'" : "");
}

static bool takes_value(enum mopt_step_kind kind)
{
    return kind >= MOPT_STEP_RESIZE && kind <= MOPT_STEP_STD;
}

// Pixels before numbers; one layout.
static enum mopt_status check_order(const struct parser *parser, const struct mopt_preprocess *pre,
                                    enum mopt_step_kind kind)
{
    for (size_t i = 0; i < pre->count; i++) {
        enum mopt_step_kind before = pre->steps[i].kind;
        if (kind < MOPT_STEP_SCALE && before >= MOPT_STEP_SCALE) {
            return bad(parser, STEP_NAMES[kind], "must stand before scale, mean, std, chw and hwc");
        }
        bool layout = kind == MOPT_STEP_CHW || kind == MOPT_STEP_HWC;
        if (layout && before >= MOPT_STEP_CHW) {
            return bad(parser, STEP_NAMES[kind], "a second layout");
        }
    }
    return MOPT_OK;
}

static enum mopt_status parse_step(const struct parser *parser, char *text,
                                   struct mopt_preprocess *pre)
{
    char *equals = strchr(text, '=');
    if (equals) {
        *equals = '\0';
    }
    int kind = find_name(STEP_NAMES, MOPT_STEP_COUNT, strcmp(text, "gray") == 0 ? "grey" : text);
    if (kind < 0) {
        return unknown_step(parser, text);
    }
    if (takes_value((enum mopt_step_kind)kind) != (equals != NULL)) {
        return bad(parser, text, equals ? "takes no value" : "needs a value");
    }
    if (pre->count == MOPT_STEPS_MAX) {
        return bad(parser, text, "more than 32 steps");
    }
    enum mopt_status status = check_order(parser, pre, (enum mopt_step_kind)kind);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_step *step = &pre->steps[pre->count++];
    step->kind = (enum mopt_step_kind)kind;
    return parse_value(parser, equals ? equals + 1 : NULL, step);
}

// Cuts spaces at both ends; *skipped counts those in front.
static char *trim(char *text, size_t *skipped)
{
    char *start = text + strspn(text, " \t\n");
    size_t length = strlen(start);
    while (length > 0 && strchr(" \t\n", start[length - 1])) {
        start[--length] = '\0';
    }
    *skipped = (size_t)(start - text);
    return start;
}

static enum mopt_status parse_all(char *text, struct mopt_preprocess *pre, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    size_t at = 1;
    while (text && status == MOPT_OK) {
        size_t skipped = 0;
        char *comma = strchr(text, ',');
        size_t bytes = comma ? (size_t)(comma - text) : strlen(text);
        if (comma) {
            *comma = '\0';
        }
        char *step = trim(text, &skipped);
        struct parser parser = {.at = at + skipped, .err = err};
        status =
            *step != '\0' ? parse_step(&parser, step, pre) : bad(&parser, "", "a step is missing");
        at += bytes + 1;
        text = comma ? comma + 1 : NULL;
    }
    return status;
}

enum mopt_status mopt__preprocess_parse(const char *text, struct mopt_preprocess **out,
                                        struct mopt_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < MOPT_COUNTOF(PRESETS); i++) {
        text = strcmp(text, PRESETS[i].name) == 0 ? PRESETS[i].text : text;
    }
    struct mopt_preprocess *pre = mopt__calloc(1, sizeof *pre);
    char *copy = mopt__strdup(text);
    enum mopt_status status = pre && copy ? parse_all(copy, pre, err) : mopt_error_memory(err);
    mopt__free(copy);
    if (status != MOPT_OK) {
        mopt__free(pre);
        return status;
    }
    *out = pre;
    return MOPT_OK;
}

void mopt__preprocess_free(struct mopt_preprocess *pre)
{
    mopt__free(pre);
}
