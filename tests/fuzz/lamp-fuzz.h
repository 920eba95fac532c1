/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

#include "lamp-json.h"

G_BEGIN_DECLS

/* What libFuzzer calls; where the compiler has none, lamp-fuzz-main.c does. */

int LLVMFuzzerInitialize   (int          *argc,
                            char       ***argv);

/**
 * LLVMFuzzerTestOneInput:
 * @data: (array length=size): any bytes
 *
 * Ends the program if what the bytes led to breaks a rule.
 */
int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

/**
 * lamp_fuzz_assert_words:
 * @text: what a person is shown
 *
 * Holds @text to be one line of valid UTF-8 without control characters.
 */
void lamp_fuzz_assert_words (const char *text);

/**
 * lamp_fuzz_take_line:
 * @data: (inout): where to read; moved behind the line
 * @end: where the input ends
 *
 * Returns: (transfer full): the bytes up to a line feed or @end, cut at a zero byte
 */
char *lamp_fuzz_take_line  (const char **data,
                            const char  *end);

/**
 * lamp_fuzz_read_member:
 *
 * Returns: (transfer full) (nullable): the text of a member that must be there; %NULL
 *   if it is null, and nothing else than that or a string
 */
char *lamp_fuzz_read_member (const LampJson *object,
                             const char     *name);

G_END_DECLS
