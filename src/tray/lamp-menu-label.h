/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * LAMP_MENU_LABEL_MAX:
 *
 * How many characters of a text lamp_menu_escape_label() leaves at most, the ellipsis
 * included: about what a menu of a small screen can be wide.
 */
#define LAMP_MENU_LABEL_MAX 60

/**
 * lamp_menu_escape_label:
 * @text: any text, also one that isn't UTF-8
 *
 * Makes a menu label, or a part of one, of data: a name, an address, an error. In a label `_`
 * marks the mnemonic, so each `_` of @text is doubled. What would break the line or the row is
 * made a space (control characters, line and paragraph separators; a run of spaces becomes one),
 * characters that change the direction of text around them are left out, and what is longer than
 * %LAMP_MENU_LABEL_MAX characters is cut and ends in an ellipsis. Text that has right-to-left
 * characters is put between isolates, so that it can't reorder what stands beside it in the label.
 *
 * Not for whole labels that are translated: those have a mnemonic of their own.
 *
 * Returns: (transfer full): the text for a label, valid UTF-8
 */
char *lamp_menu_escape_label (const char *text);

G_END_DECLS
