// SPDX-License-Identifier: Apache-2.0
// SHA-256: the examples of NIST, every length around a block, every way to cut the input.
#include <string.h>

#include "base/sha256.h"
#include "tests.h"

static void hash(const void *data, size_t bytes, char out[65])
{
    struct mopt_sha256 sha;
    mopt__sha256_init(&sha);
    mopt__sha256_update(&sha, data, bytes);
    mopt__sha256_hex(&sha, out);
}

static void known_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
         "mnopqrs"
         "mnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    for (size_t i = 0; i < 4; i++) {
        char hex[65];
        hash(rows[i].text, strlen(rows[i].text), hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

static void a_million_letters(void **state)
{
    (void)state;
    struct mopt_sha256 sha;
    char hex[65];
    char chunk[999];
    memset(chunk, 'a', sizeof chunk);
    mopt__sha256_init(&sha);
    for (int i = 0; i < 1001; i++) {
        mopt__sha256_update(&sha, chunk, sizeof chunk);
    }
    mopt__sha256_update(&sha, chunk, 1);
    mopt__sha256_hex(&sha, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// The hashes of 0..255 bytes "0 1 2 ..." hashed together; the value is by another implementation.
static void every_length(void **state)
{
    (void)state;
    struct mopt_sha256 all;
    unsigned char data[256];
    char hex[65];
    mopt__sha256_init(&all);
    for (size_t bytes = 0; bytes < sizeof data; bytes++) {
        data[bytes] = (unsigned char)bytes;
        hash(data, bytes, hex);
        mopt__sha256_update(&all, hex, 64);
    }
    mopt__sha256_hex(&all, hex);
    assert_string_equal(hex, "c6af0de529d59e462ef135e191c98cb5a7e18ca9d6e63e3d62c82afe131a25d4");
}

static void cuts_do_not_matter(void **state)
{
    (void)state;
    unsigned char data[200];
    char whole[65];
    char parts[65];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (unsigned char)(i * 7);
    }
    hash(data, sizeof data, whole);
    for (size_t a = 0; a <= sizeof data; a += 3) {
        for (size_t b = a; b <= sizeof data; b += 5) {
            struct mopt_sha256 sha;
            mopt__sha256_init(&sha);
            mopt__sha256_update(&sha, data, a);
            mopt__sha256_update(&sha, data + a, b - a);
            mopt__sha256_update(&sha, NULL, 0);
            mopt__sha256_update(&sha, data + b, sizeof data - b);
            mopt__sha256_hex(&sha, parts);
            assert_string_equal(parts, whole);
        }
    }
}

int mopt__test_sha256(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors),
        cmocka_unit_test(a_million_letters),
        cmocka_unit_test(every_length),
        cmocka_unit_test(cuts_do_not_matter),
    };
    return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
