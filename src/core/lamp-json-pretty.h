/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-json.h"

G_BEGIN_DECLS

/**
 * lamp_json_append_pretty:
 * @json: the text that is being made
 * @value: a checked value
 *
 * Appends a value indented for reading. Strings and numbers stay as they were
 * written, but for control characters, which are escaped.
 */
void lamp_json_append_pretty (GString        *json,
                              const LampJson *value);

G_END_DECLS
