/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Events as EmitBatch() takes them, and as they are written in the lines of “emit --lines”. */

/**
 * LampCliEventDefaults:
 * @mission_id: (nullable): the mission of lines that name none
 * @event_type: (nullable): the type of lines that name none
 * @options: an a{sv} as for Emit(); what a line gives comes before it
 *
 * What a line may lack. Borrows everything.
 */
typedef struct
{
  const char *mission_id;
  const char *event_type;
  GVariant *options;
} LampCliEventDefaults;

/**
 * lamp_cli_event_new:
 *
 * Returns: (transfer full): an (sssa{sv})
 */
GVariant *lamp_cli_event_new       (const char                 *mission_id,
                                    const char                 *event_type,
                                    const char                 *payload,
                                    GVariant                   *options);

/**
 * lamp_cli_event_from_line:
 * @line: a JSON object, NUL behind it
 * @error: return location for a %LAMP_ERROR_INVALID_EVENT
 *
 * Reads and checks an event.
 *
 * Returns: (transfer full) (nullable): an (sssa{sv})
 */
GVariant *lamp_cli_event_from_line (const char                 *line,
                                    gsize                       length,
                                    const LampCliEventDefaults *defaults,
                                    GError                    **error);

G_END_DECLS
