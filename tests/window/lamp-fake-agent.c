/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fake-agent.h"

struct _LampFakeAgent
{
  LampBusAgent1Skeleton parent_instance;

  GArray *rows; /* (owned) of LampFakeRow */
  guint name_id;
  guint n_calls;
};

static void lamp_fake_agent_iface_init (LampBusAgent1Iface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LampFakeAgent,
                               lamp_fake_agent,
                               LAMP_BUS_TYPE_AGENT1_SKELETON,
                               G_IMPLEMENT_INTERFACE (LAMP_BUS_TYPE_AGENT1,
                                                      lamp_fake_agent_iface_init))

static GVariant *
row_to_variant (const LampFakeRow *row)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autofree char *event_id = g_strdup_printf ("%026" G_GINT64_FORMAT, row->id);

  g_variant_dict_insert (&dict, "event_id", "s", event_id);
  g_variant_dict_insert (&dict, "event_type", "s", "TestHappened");
  g_variant_dict_insert (&dict, "mission_id", "s", row->id % 2 == 0 ? "even" : "odd");
  g_variant_dict_insert (&dict, "status", "s", row->status);
  g_variant_dict_insert (&dict, "queued_at", "x", row->id);

  return g_variant_dict_end (&dict);
}

static gboolean
matches (const LampFakeRow *row,
         GVariant          *filter)
{
  const char *status = "all";
  const char *mission_id = "";

  g_variant_lookup (filter, "status", "&s", &status);
  g_variant_lookup (filter, "mission_id", "&s", &mission_id);

  return (g_str_equal (status, "all") || g_str_equal (status, row->status)) &&
         (*mission_id == '\0' || g_str_equal (mission_id, row->id % 2 == 0 ? "even" : "odd"));
}

static gboolean
handle_list (LampBusAgent1         *object,
             GDBusMethodInvocation *invocation,
             GVariant              *filter,
             gint64                 cursor,
             guint                  limit)
{
  LampFakeAgent *self = LAMP_FAKE_AGENT (object);
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  gint64 last = 0;
  gint64 next = 0;
  guint n_rows = 0;

  self->n_calls++;
  for (guint i = self->rows->len; i > 0; i--)
    {
      const LampFakeRow *row = &g_array_index (self->rows, LampFakeRow, i - 1);

      if ((cursor != 0 && row->id >= cursor) || !matches (row, filter))
        continue;

      if (n_rows == limit)
        {
          next = last;
          break;
        }

      n_rows++;
      last = row->id;
      g_variant_builder_add_value (&builder, row_to_variant (row));
    }

  lamp_bus_agent1_complete_list (object, invocation, g_variant_builder_end (&builder), next);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static void
lamp_fake_agent_iface_init (LampBusAgent1Iface *iface)
{
  iface->handle_list = handle_list;
}

static void
lamp_fake_agent_dispose (GObject *object)
{
  LampFakeAgent *self = LAMP_FAKE_AGENT (object);

  g_clear_handle_id (&self->name_id, g_bus_unown_name);
  g_clear_pointer (&self->rows, g_array_unref);

  G_OBJECT_CLASS (lamp_fake_agent_parent_class)->dispose (object);
}

static void
lamp_fake_agent_class_init (LampFakeAgentClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = lamp_fake_agent_dispose;
}

static void
lamp_fake_agent_init (LampFakeAgent *self)
{
  self->rows = g_array_new (FALSE, FALSE, sizeof (LampFakeRow));
}

LampFakeAgent *
lamp_fake_agent_new (GDBusConnection *connection)
{
  LampFakeAgent *self = g_object_new (LAMP_TYPE_FAKE_AGENT, "state", "idle", NULL);
  g_autoptr (GError) error = NULL;

  g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self), connection, LAMP_AGENT_PATH,
                                    &error);
  g_assert_no_error (error);
  self->name_id = g_bus_own_name_on_connection (connection, LAMP_AGENT_ID, 0, NULL, NULL, NULL,
                                                NULL);

  return self;
}

void
lamp_fake_agent_add (LampFakeAgent *self,
                     gint64         skipped,
                     const char    *status)
{
  LampFakeRow row = { 1 + skipped, status };

  if (self->rows->len > 0)
    row.id += g_array_index (self->rows, LampFakeRow, self->rows->len - 1).id;
  g_array_append_val (self->rows, row);
}

GArray *
lamp_fake_agent_get_rows (LampFakeAgent *self)
{
  return self->rows;
}

void
lamp_fake_agent_update (LampFakeAgent *self)
{
  LampBusAgent1 *agent = LAMP_BUS_AGENT1 (self);
  guint pending = 0;
  guint failed = 0;
  guint delivered = 0;

  for (guint i = 0; i < self->rows->len; i++)
    {
      const char *status = g_array_index (self->rows, LampFakeRow, i).status;

      pending += g_str_equal (status, "pending");
      failed += g_str_equal (status, "failed");
      delivered += g_str_equal (status, "delivered");
    }

  lamp_bus_agent1_set_pending (agent, pending);
  lamp_bus_agent1_set_failed (agent, failed);
  lamp_bus_agent1_set_delivered (agent, delivered);
  /* Where as many have come as have gone, no counter tells. */
  lamp_bus_agent1_emit_events_failed (agent, g_variant_new ("a(sss)", NULL));
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self));
}

guint
lamp_fake_agent_get_n_calls (LampFakeAgent *self)
{
  return self->n_calls;
}
