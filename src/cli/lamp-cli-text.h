/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-json.h"

G_BEGIN_DECLS

/* What is printed: words, times, tables and colours for people, JSON for programs. */

/**
 * LampCliColor:
 *
 * Never the only sign of anything: a word or a mark says the same.
 */
typedef enum
{
  LAMP_CLI_PLAIN,
  LAMP_CLI_BOLD,
  LAMP_CLI_RED,
  LAMP_CLI_GREEN,
  LAMP_CLI_YELLOW,
} LampCliColor;

gboolean    lamp_cli_is_terminal   (void);

/**
 * lamp_cli_paint:
 *
 * Returns: (transfer full): @text, in colour if standard output is a terminal
 *   and NO_COLOR is not set
 */
char       *lamp_cli_paint         (LampCliColor  color,
                                    const char   *text);

/**
 * lamp_cli_complain:
 *
 * Prints a sentence on standard error, with the program's name in front.
 */
void        lamp_cli_complain      (const char   *message);

/**
 * lamp_cli_clean:
 *
 * Returns: (transfer full): @text without control characters, which could upset
 *   a terminal
 */
char       *lamp_cli_clean         (const char   *text);

/**
 * lamp_cli_dup_time:
 * @time: Unix µs, 0 for none
 *
 * Returns: (transfer full): the time here, "never" for none
 */
char       *lamp_cli_dup_time      (gint64        time);

/**
 * lamp_cli_widen:
 * @width: columns that other labels need, 0 before the first
 * @label: one more label
 *
 * Returns: the columns for all of them, with a gap; English ones always take the same
 */
gsize       lamp_cli_widen         (gsize         width,
                                    const char   *label);

/**
 * lamp_cli_print_fact:
 * @label: what it is
 * @width: columns, from lamp_cli_widen()
 * @value: (nullable): what is known of it; without, nothing is printed
 *
 * Prints a line with label and value, values below each other.
 */
void        lamp_cli_print_fact    (const char   *label,
                                    gsize         width,
                                    const char   *value);

/**
 * lamp_cli_write:
 * @length: bytes, or -1 up to the NUL
 *
 * Writes bytes to standard output as they are, whatever the locale.
 */
void        lamp_cli_write         (const char   *text,
                                    gssize        length);

/**
 * lamp_cli_flush:
 *
 * Returns: %FALSE if what was printed has not gone out: a full disk, or a reader
 *   that went away
 */
gboolean    lamp_cli_flush         (void);

/**
 * lamp_cli_has_reader:
 *
 * Returns: whether standard output still goes anywhere
 */
gboolean    lamp_cli_has_reader    (void);

/**
 * lamp_cli_pad:
 * @width: columns
 *
 * Appends @text and spaces, so that it is at least @width columns wide.
 */
void        lamp_cli_pad           (GString      *line,
                                    const char   *text,
                                    gsize         width);

/**
 * lamp_cli_text_width:
 *
 * Returns: the columns that @text takes on a terminal
 */
gsize       lamp_cli_text_width    (const char   *text);

/**
 * lamp_cli_append_json:
 * @value: (nullable): a string, boolean or integer; %NULL is null
 */
void        lamp_cli_append_json   (GString      *json,
                                    GVariant     *value);

/**
 * lamp_cli_append_json_member:
 *
 * Appends a member of an object that was opened with "{", with the comma it needs.
 */
void        lamp_cli_append_json_member (GString      *json,
                                         const char   *name,
                                         GVariant     *value);

/**
 * lamp_cli_append_json_row:
 * @row: an a{sv} as of List()
 */
void        lamp_cli_append_json_row (GString        *json,
                                      GVariant       *row);

G_END_DECLS
