/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-source.h"

#include "lamp-error.h"

static LampBusAgent1 *
agent_of (LampCli *cli)
{
  return cli->client != NULL ? lamp_client_get_proxy (cli->client) : NULL;
}

static GPtrArray *
emit_one_to_agent (LampBusAgent1 *agent,
                   GVariant      *events,
                   GError       **error)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GVariant) options = NULL;
  const char *mission_id;
  const char *event_type;
  const char *payload;
  char *event_id = NULL;

  g_variant_get_child (events, 0, "(&s&s&s@a{sv})", &mission_id, &event_type, &payload, &options);
  if (!lamp_bus_agent1_call_emit_sync (agent, mission_id, event_type, payload, options, &event_id,
                                       NULL, NULL, error))
    return NULL;

  g_ptr_array_add (ids, event_id);

  return g_steal_pointer (&ids);
}

static GPtrArray *
emit_to_agent (LampBusAgent1 *agent,
               GVariant      *events,
               GError       **error)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GVariant) receipts = NULL;
  GVariantIter iter;
  const char *event_id;

  /* Refusals of a single event don't speak of its place among others. */
  if (g_variant_n_children (events) == 1)
    return emit_one_to_agent (agent, events, error);

  if (!lamp_bus_agent1_call_emit_batch_sync (agent, events, &receipts, NULL, error))
    return NULL;

  g_variant_iter_init (&iter, receipts);
  while (g_variant_iter_next (&iter, "(&sx)", &event_id, NULL))
    g_ptr_array_add (ids, g_strdup (event_id));

  return g_steal_pointer (&ids);
}

static GPtrArray *
events_from_variant (GVariant   *variant,
                     const char *node_id,
                     GError    **error)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  GVariantIter iter;
  GVariant *child;

  g_variant_iter_init (&iter, variant);
  while ((child = g_variant_iter_next_value (&iter)) != NULL)
    {
      g_autoptr (GVariant) owned = child;
      g_autoptr (GVariant) options = NULL;
      const char *mission_id;
      const char *event_type;
      const char *payload;
      LampEvent *event;

      g_variant_get (owned, "(&s&s&s@a{sv})", &mission_id, &event_type, &payload, &options);
      event = lamp_event_new (mission_id, event_type, payload, options, node_id, error);
      if (event == NULL)
        return NULL;

      g_ptr_array_add (events, event);
    }

  return g_steal_pointer (&events);
}

static GPtrArray *
emit_to_queue (LampQueue *queue,
               GVariant  *variant,
               GError   **error)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) events = NULL;
  g_autoptr (GPtrArray) receipts = NULL;

  events = events_from_variant (variant, lamp_queue_get_node_id (queue), error);
  if (events == NULL)
    return NULL;

  receipts = lamp_queue_append (queue, events, error);
  if (receipts == NULL)
    return NULL;

  for (guint i = 0; i < receipts->len; i++)
    {
      const LampReceipt *receipt = g_ptr_array_index (receipts, i);

      g_ptr_array_add (ids, g_strdup (receipt->event_id));
    }

  return g_steal_pointer (&ids);
}

GPtrArray *
lamp_cli_source_emit (LampCli  *cli,
                      GVariant *events,
                      GError  **error)
{
  LampBusAgent1 *agent = agent_of (cli);

  return agent != NULL ? emit_to_agent (agent, events, error)
                       : emit_to_queue (cli->queue, events, error);
}

static GVariant *
list_queue (LampQueue *queue,
            GVariant  *options,
            gint64    *cursor,
            guint      limit,
            GError   **error)
{
  g_autoptr (LampFilter) filter = lamp_filter_new (options, error);
  g_autoptr (LampPage) page = NULL;
  g_auto (GVariantBuilder) rows = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  if (filter == NULL || !lamp_filter_check_page (*cursor, limit, error))
    return NULL;

  page = lamp_queue_list (queue, filter, *cursor, limit, error);
  if (page == NULL)
    return NULL;

  for (guint i = 0; i < page->rows->len; i++)
    g_variant_builder_add_value (&rows, lamp_row_to_variant (g_ptr_array_index (page->rows, i)));
  *cursor = page->next_cursor;

  return g_variant_ref_sink (g_variant_builder_end (&rows));
}

GVariant *
lamp_cli_source_list (LampCli  *cli,
                      GVariant *filter,
                      gint64   *cursor,
                      guint     limit,
                      GError  **error)
{
  LampBusAgent1 *agent = agent_of (cli);
  g_autoptr (GVariant) rows = NULL;

  if (agent == NULL)
    return list_queue (cli->queue, filter, cursor, limit, error);

  if (!lamp_bus_agent1_call_list_sync (agent, filter, *cursor, limit, &rows, cursor, NULL, error))
    return NULL;

  return g_steal_pointer (&rows);
}

static char *
get_from_queue (LampQueue  *queue,
                const char *event_id,
                GVariant  **row,
                GError    **error)
{
  g_autoptr (LampRow) found = lamp_queue_get (queue, event_id, error);

  if (found == NULL)
    return NULL;

  if (row != NULL)
    *row = g_variant_ref_sink (lamp_row_to_variant (found));

  return g_steal_pointer (&found->envelope);
}

char *
lamp_cli_source_get (LampCli    *cli,
                     const char *event_id,
                     GVariant  **row,
                     GError    **error)
{
  LampBusAgent1 *agent = agent_of (cli);
  char *envelope = NULL;

  if (agent == NULL)
    return get_from_queue (cli->queue, event_id, row, error);

  if (!lamp_bus_agent1_call_get_sync (agent, event_id, &envelope, row, NULL, error))
    return NULL;

  return envelope;
}

/* The calls that are on the way, and what came back. */
typedef struct
{
  GPtrArray *envelopes; /* (owned) */
  GError *error;        /* (owned) (nullable) the first one */
  guint n_waiting;
} Reading;

typedef struct
{
  Reading *reading;
  guint index;
} Place;

static void
got_cb (GObject      *object,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_autofree Place *place = user_data;
  Reading *reading = place->reading;
  g_autoptr (GError) error = NULL;
  char *envelope = NULL;

  reading->n_waiting--;

  if (lamp_bus_agent1_call_get_finish (LAMP_BUS_AGENT1 (object), &envelope, NULL, result, &error))
    reading->envelopes->pdata[place->index] = envelope;
  else if (!g_error_matches (error, LAMP_ERROR, LAMP_ERROR_NOT_FOUND) && reading->error == NULL)
    reading->error = g_steal_pointer (&error);
}

static GPtrArray *
read_from_agent (LampBusAgent1 *agent,
                 char         **event_ids,
                 guint          n_ids,
                 GError       **error)
{
  g_autoptr (GPtrArray) envelopes = g_ptr_array_new_with_free_func (g_free);
  Reading reading = { envelopes, NULL, n_ids };

  g_ptr_array_set_size (envelopes, n_ids);
  for (guint i = 0; i < n_ids; i++)
    {
      Place *place = g_new (Place, 1);

      *place = (Place){ &reading, i };
      lamp_bus_agent1_call_get (agent, event_ids[i], NULL, got_cb, place);
    }

  while (reading.n_waiting > 0)
    g_main_context_iteration (NULL, TRUE);

  if (reading.error != NULL)
    {
      g_propagate_error (error, reading.error);
      return NULL;
    }

  return g_steal_pointer (&envelopes);
}

static GPtrArray *
read_from_queue (LampQueue *queue,
                 char     **event_ids,
                 guint      n_ids,
                 GError   **error)
{
  g_autoptr (GPtrArray) envelopes = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < n_ids; i++)
    {
      g_autoptr (GError) local_error = NULL;
      char *envelope = get_from_queue (queue, event_ids[i], NULL, &local_error);

      if (envelope == NULL && !g_error_matches (local_error, LAMP_ERROR, LAMP_ERROR_NOT_FOUND))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return NULL;
        }

      g_ptr_array_add (envelopes, envelope);
    }

  return g_steal_pointer (&envelopes);
}

GPtrArray *
lamp_cli_source_read (LampCli *cli,
                      char   **event_ids,
                      guint    n_ids,
                      GError **error)
{
  LampBusAgent1 *agent = agent_of (cli);

  g_return_val_if_fail (n_ids <= LAMP_CLI_READ_MAX, NULL);

  return agent != NULL ? read_from_agent (agent, event_ids, n_ids, error)
                       : read_from_queue (cli->queue, event_ids, n_ids, error);
}

gboolean
lamp_cli_source_resend (LampCli           *cli,
                        const char *const *event_ids,
                        guint             *count,
                        GError           **error)
{
  LampBusAgent1 *agent = agent_of (cli);

  if (agent == NULL)
    return lamp_queue_resend (cli->queue, event_ids, count, error);

  if (event_ids == NULL)
    return lamp_bus_agent1_call_resend_all_sync (agent, count, NULL, error);

  return lamp_bus_agent1_call_resend_sync (agent, event_ids, count, NULL, error);
}

gboolean
lamp_cli_source_discard (LampCli           *cli,
                         const char *const *event_ids,
                         guint             *count,
                         GError           **error)
{
  LampBusAgent1 *agent = agent_of (cli);

  if (agent == NULL)
    return lamp_queue_discard (cli->queue, event_ids, count, error);

  return lamp_bus_agent1_call_discard_sync (agent, event_ids, count, NULL, error);
}

/* No state, no server: that is the agent's business. */
static GVariant *
facts_of_queue (LampQueue *queue)
{
  const LampTally *tally = lamp_queue_get_tally (queue);
  g_auto (GVariantDict) facts = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&facts, "State", "s", "");
  g_variant_dict_insert (&facts, "Pending", "t", tally->pending);
  g_variant_dict_insert (&facts, "Failed", "t", tally->failed);
  g_variant_dict_insert (&facts, "Delivered", "t", tally->delivered);
  g_variant_dict_insert (&facts, "Capacity", "t", lamp_queue_get_capacity (queue));
  g_variant_dict_insert (&facts, "LastDelivery", "x", tally->last_delivery);
  g_variant_dict_insert (&facts, "OldestPending", "x", tally->oldest_pending);
  g_variant_dict_insert (&facts, "LamportClock", "x", tally->lamport_clock);
  g_variant_dict_insert (&facts, "NodeId", "s", lamp_queue_get_node_id (queue));
  g_variant_dict_insert (&facts, "QueuePath", "s", lamp_queue_get_path (queue));

  return g_variant_ref_sink (g_variant_dict_end (&facts));
}

GVariant *
lamp_cli_source_get_facts (LampCli *cli)
{
  if (cli->client != NULL)
    return lamp_client_dup_properties (cli->client);

  return facts_of_queue (cli->queue);
}
