/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-cli.h"

G_BEGIN_DECLS

/* What can be asked of the agent and, where there is no session bus, of the queue itself. The
 * commands don't know which it is. All of it after lamp_cli_open(). */

/**
 * LAMP_CLI_READ_MAX:
 *
 * Envelopes that lamp_cli_source_read() reads at once: as many calls are on the
 * way to the agent together.
 */
#define LAMP_CLI_READ_MAX 100

/**
 * lamp_cli_source_emit:
 * @events: an a(sssa{sv}) as for EmitBatch()
 *
 * Returns: (transfer full) (nullable) (element-type utf8): the ids
 */
GPtrArray *lamp_cli_source_emit       (LampCli             *cli,
                                       GVariant            *events,
                                       GError             **error);

/**
 * lamp_cli_source_list:
 * @filter: an a{sv} as for List()
 * @cursor: (inout): where the page starts; where the next one does
 *
 * Returns: (transfer full) (nullable): rows, an aa{sv}
 */
GVariant  *lamp_cli_source_list       (LampCli             *cli,
                                       GVariant            *filter,
                                       gint64              *cursor,
                                       guint                limit,
                                       GError             **error);

/**
 * lamp_cli_source_get:
 * @row: (out) (transfer full): an a{sv}
 *
 * Returns: (transfer full) (nullable): the envelope
 */
char      *lamp_cli_source_get        (LampCli             *cli,
                                       const char          *event_id,
                                       GVariant           **row,
                                       GError             **error);

/**
 * lamp_cli_source_read:
 * @event_ids: (array length=n_ids): events
 * @n_ids: at most %LAMP_CLI_READ_MAX
 *
 * Returns: (transfer full) (nullable) (element-type utf8): the envelopes in the same
 *   order, %NULL in the place of those that are gone
 */
GPtrArray *lamp_cli_source_read       (LampCli             *cli,
                                       char               **event_ids,
                                       guint                n_ids,
                                       GError             **error);

/**
 * lamp_cli_source_resend:
 * @event_ids: (nullable): %NULL for all
 */
gboolean   lamp_cli_source_resend     (LampCli             *cli,
                                       const char *const   *event_ids,
                                       guint               *count,
                                       GError             **error);

gboolean   lamp_cli_source_discard    (LampCli             *cli,
                                       const char *const   *event_ids,
                                       guint               *count,
                                       GError             **error);

/**
 * lamp_cli_source_get_facts:
 *
 * Returns: (transfer full): an a{sv} of the agent's properties by their D-Bus
 *   names; without an agent only those that the queue knows
 */
GVariant  *lamp_cli_source_get_facts  (LampCli             *cli);

G_END_DECLS
