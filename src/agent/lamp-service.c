/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-service.h"

#include "lamp-bus-error.h"
#include "lamp-error.h"

#include <glib/gi18n.h>

/* PropertiesChanged comes at most 10 times a second (section 7). */
#define TELL_INTERVAL_MS 100

/* More points than a screen has pixels; a day in steps of a minute is 1 440. */
#define HISTORY_MAX_POINTS 5000

#define BATCH_MAX_EVENTS 1000
#define BATCH_MAX_BYTES (16 * 1024 * 1024)

struct _LampService
{
  LampBusAgent1Skeleton parent_instance;

  LampQueue *queue;       /* (owned) */
  LampReplay *replay;     /* (owned) */
  LampSecrets *secrets;   /* (owned) */
  LampTrend *trend;       /* (owned) */
  LampSnapshot *snapshot; /* (owned) (nullable) */
  GVariant *told;         /* (owned) (nullable) the properties that were told last */
  gint64 told_at;         /* monotonic, µs */
  guint tell_id;          /* 0 while there is nothing to tell */
};

/* In the order of the XML, as the generated code numbers them. */
enum
{
  PROP_STATE = 1,
  PROP_ONLINE,
  PROP_PAUSED,
  PROP_PENDING,
  PROP_FAILED,
  PROP_DELIVERED,
  PROP_CAPACITY,
  PROP_REPLAY_DONE,
  PROP_REPLAY_TOTAL,
  PROP_NEXT_RETRY,
  PROP_OFFLINE_SINCE,
  PROP_LAST_DELIVERY,
  PROP_OLDEST_PENDING,
  PROP_LAMPORT_CLOCK,
  PROP_NODE_ID,
  PROP_SERVER_URL,
  PROP_QUEUE_PATH,
  PROP_LAST_ERROR,
  PROP_TRAY_STATUS,
  PROP_VERSION,
};

enum
{
  SHOW_WINDOW,
  PAUSE,
  QUIT,
  STORAGE_FAILED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void lamp_service_iface_init (LampBusAgent1Iface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LampService,
                               lamp_service,
                               LAMP_BUS_TYPE_AGENT1_SKELETON,
                               G_IMPLEMENT_INTERFACE (LAMP_BUS_TYPE_AGENT1,
                                                      lamp_service_iface_init))

/* A call that is answered later. */
typedef struct
{
  LampService *service;              /* (owned) */
  GDBusMethodInvocation *invocation; /* (owned) (nullable) until it is answered */
} Call;

static Call *
call_new (LampService           *self,
          GDBusMethodInvocation *invocation)
{
  Call *call = g_new0 (Call, 1);

  call->service = g_object_ref (self);
  call->invocation = invocation;

  return call;
}

static void
call_free (Call *call)
{
  g_assert (call->invocation == NULL);
  g_object_unref (call->service);
  g_free (call);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Call, call_free)

static void
return_error (GDBusMethodInvocation *invocation,
              const GError          *error)
{
  g_autoptr (GError) answer = lamp_bus_error_to_dbus (error);

  g_dbus_method_invocation_return_gerror (invocation, answer);
}

static void
fail_call (Call   *call,
           GError *error)
{
  return_error (g_steal_pointer (&call->invocation), error);
}

/* Whoever emitted is told, and so is whoever sits before the machine. */
static void
fail_append (Call   *call,
             GError *error)
{
  if (g_error_matches (error, LAMP_ERROR, LAMP_ERROR_STORAGE))
    g_signal_emit (call->service, signals[STORAGE_FAILED], 0, error->message);

  fail_call (call, error);
}

/* --- emit --------------------------------------------------------------- */

static void
emitted_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) receipts = lamp_queue_append_finish (LAMP_QUEUE (source), result, &error);
  const LampReceipt *receipt = NULL;

  if (receipts == NULL)
    {
      fail_append (call, error);
      return;
    }

  receipt = g_ptr_array_index (receipts, 0);
  lamp_bus_agent1_complete_emit (LAMP_BUS_AGENT1 (call->service),
                                 g_steal_pointer (&call->invocation), receipt->event_id,
                                 receipt->lamport_clock);
}

static gboolean
handle_emit (LampBusAgent1         *object,
             GDBusMethodInvocation *invocation,
             const char            *mission_id,
             const char            *event_type,
             const char            *payload,
             GVariant              *options)
{
  LampService *self = LAMP_SERVICE (object);
  g_autoptr (GPtrArray) events = NULL;
  g_autoptr (GError) error = NULL;
  LampEvent *event = lamp_event_new (mission_id, event_type, payload, options,
                                     lamp_queue_get_node_id (self->queue), &error);

  if (event == NULL)
    {
      return_error (invocation, error);
      return G_DBUS_METHOD_INVOCATION_HANDLED;
    }

  events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_ptr_array_add (events, event);
  lamp_queue_append_async (self->queue, events, emitted_cb, call_new (self, invocation));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static void
batch_emitted_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) receipts = lamp_queue_append_finish (LAMP_QUEUE (source), result, &error);
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(sx)"));

  if (receipts == NULL)
    {
      fail_append (call, error);
      return;
    }

  for (guint i = 0; i < receipts->len; i++)
    {
      const LampReceipt *receipt = g_ptr_array_index (receipts, i);

      g_variant_builder_add (&builder, "(sx)", receipt->event_id, receipt->lamport_clock);
    }

  lamp_bus_agent1_complete_emit_batch (LAMP_BUS_AGENT1 (call->service),
                                       g_steal_pointer (&call->invocation),
                                       g_variant_builder_end (&builder));
}

static gboolean
check_batch_size (GVariant *batch,
                  GError  **error)
{
  if (g_variant_n_children (batch) > BATCH_MAX_EVENTS)
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT,
                   _("events: at most %d at once, but there are %zu"), BATCH_MAX_EVENTS,
                   g_variant_n_children (batch));
      return FALSE;
    }

  if (g_variant_get_size (batch) > BATCH_MAX_BYTES)
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_EVENT,
                   _("events: at most %d bytes at once, but there are %zu"), BATCH_MAX_BYTES,
                   g_variant_get_size (batch));
      return FALSE;
    }

  return TRUE;
}

static GPtrArray *
events_from_batch (LampService *self,
                   GVariant    *batch,
                   GError     **error)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  gsize size;

  if (!check_batch_size (batch, error))
    return NULL;

  size = g_variant_n_children (batch);
  for (gsize i = 0; i < size; i++)
    {
      const char *mission_id;
      const char *event_type;
      const char *payload;
      g_autoptr (GVariant) options = NULL;
      LampEvent *event = NULL;

      g_variant_get_child (batch, i, "(&s&s&s@a{sv})", &mission_id, &event_type, &payload,
                           &options);
      event = lamp_event_new (mission_id, event_type, payload, options,
                              lamp_queue_get_node_id (self->queue), error);
      if (event == NULL)
        {
          /* TRANSLATORS: before the words of what is wrong; keep the space at the end */
          g_prefix_error (error, _("event %zu of %zu: "), i + 1, size);
          return NULL;
        }

      g_ptr_array_add (events, event);
    }

  return g_steal_pointer (&events);
}

static gboolean
handle_emit_batch (LampBusAgent1         *object,
                   GDBusMethodInvocation *invocation,
                   GVariant              *batch)
{
  LampService *self = LAMP_SERVICE (object);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) events = events_from_batch (self, batch, &error);

  if (events == NULL)
    return_error (invocation, error);
  else
    lamp_queue_append_async (self->queue, events, batch_emitted_cb, call_new (self, invocation));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static void
observed_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;
  gint64 clock;

  if (lamp_queue_observe_finish (LAMP_QUEUE (source), result, &clock, &error))
    lamp_bus_agent1_complete_observe (LAMP_BUS_AGENT1 (call->service),
                                      g_steal_pointer (&call->invocation), clock);
  else
    fail_call (call, error);
}

static gboolean
handle_observe (LampBusAgent1         *object,
                GDBusMethodInvocation *invocation,
                gint64                 received)
{
  LampService *self = LAMP_SERVICE (object);

  lamp_queue_observe_async (self->queue, received, observed_cb, call_new (self, invocation));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

/* --- replay ------------------------------------------------------------- */

/* (transfer full) error */
static gboolean
refuse_replay (LampService           *self,
               GDBusMethodInvocation *invocation,
               GError                *error)
{
  /* One is set, but it can't be used. */
  if (g_error_matches (error, LAMP_ERROR, LAMP_ERROR_UNCONFIGURED) && self->snapshot != NULL &&
      *self->snapshot->server_url != '\0' && *self->snapshot->last_error != '\0')
    {
      g_free (error->message);
      error->message = g_strdup (self->snapshot->last_error);
    }

  return_error (invocation, error);
  g_error_free (error);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_replay_now (LampBusAgent1         *object,
                   GDBusMethodInvocation *invocation)
{
  LampService *self = LAMP_SERVICE (object);
  GError *error = NULL;

  if (!lamp_replay_now (self->replay, &error))
    return refuse_replay (self, invocation, error);

  lamp_bus_agent1_complete_replay_now (object, invocation);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_test_connection (LampBusAgent1         *object,
                        GDBusMethodInvocation *invocation)
{
  LampService *self = LAMP_SERVICE (object);
  GError *error = NULL;

  if (!lamp_replay_test (self->replay, &error))
    return refuse_replay (self, invocation, error);

  lamp_bus_agent1_complete_test_connection (object, invocation);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

/* What was put back is to be sent; where that can't be now, it waits like the rest. */
static void
resent_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;
  guint count;

  if (!lamp_queue_resend_finish (LAMP_QUEUE (source), result, &count, &error))
    {
      fail_call (call, error);
      return;
    }

  if (count > 0)
    lamp_replay_now (call->service->replay, NULL);
  lamp_bus_agent1_complete_resend (LAMP_BUS_AGENT1 (call->service),
                                   g_steal_pointer (&call->invocation), count);
}

static gboolean
handle_resend (LampBusAgent1         *object,
               GDBusMethodInvocation *invocation,
               const char *const     *event_ids)
{
  LampService *self = LAMP_SERVICE (object);

  lamp_queue_resend_async (self->queue, event_ids, resent_cb, call_new (self, invocation));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_resend_all (LampBusAgent1         *object,
                   GDBusMethodInvocation *invocation)
{
  LampService *self = LAMP_SERVICE (object);

  lamp_queue_resend_async (self->queue, NULL, resent_cb, call_new (self, invocation));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static void
discarded_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;
  guint count;

  if (lamp_queue_discard_finish (LAMP_QUEUE (source), result, &count, &error))
    lamp_bus_agent1_complete_discard (LAMP_BUS_AGENT1 (call->service),
                                      g_steal_pointer (&call->invocation), count);
  else
    fail_call (call, error);
}

static gboolean
handle_discard (LampBusAgent1         *object,
                GDBusMethodInvocation *invocation,
                const char *const     *event_ids)
{
  LampService *self = LAMP_SERVICE (object);

  lamp_queue_discard_async (self->queue, event_ids, discarded_cb, call_new (self, invocation));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

/* --- list and get ------------------------------------------------------- */

static void
listed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (LampPage) page = lamp_queue_list_finish (LAMP_QUEUE (source), result, &error);
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  if (page == NULL)
    {
      fail_call (call, error);
      return;
    }

  for (guint i = 0; i < page->rows->len; i++)
    g_variant_builder_add_value (&builder, lamp_row_to_variant (g_ptr_array_index (page->rows, i)));

  lamp_bus_agent1_complete_list (LAMP_BUS_AGENT1 (call->service),
                                 g_steal_pointer (&call->invocation),
                                 g_variant_builder_end (&builder), page->next_cursor);
}

static gboolean
handle_list (LampBusAgent1         *object,
             GDBusMethodInvocation *invocation,
             GVariant              *options,
             gint64                 cursor,
             guint                  limit)
{
  LampService *self = LAMP_SERVICE (object);
  g_autoptr (GError) error = NULL;
  g_autoptr (LampFilter) filter = lamp_filter_new (options, &error);

  if (filter == NULL || !lamp_filter_check_page (cursor, limit, &error))
    return_error (invocation, error);
  else
    lamp_queue_list_async (self->queue, filter, cursor, limit, listed_cb,
                           call_new (self, invocation));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static void
got_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (LampRow) row = lamp_queue_get_finish (LAMP_QUEUE (source), result, &error);

  if (row == NULL)
    fail_call (call, error);
  else
    lamp_bus_agent1_complete_get (LAMP_BUS_AGENT1 (call->service),
                                  g_steal_pointer (&call->invocation), row->envelope,
                                  lamp_row_to_variant (row));
}

static gboolean
handle_get (LampBusAgent1         *object,
            GDBusMethodInvocation *invocation,
            const char            *event_id)
{
  LampService *self = LAMP_SERVICE (object);

  lamp_queue_get_async (self->queue, event_id, got_cb, call_new (self, invocation));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

/* --- import ------------------------------------------------------------- */

typedef struct
{
  Call *call; /* (owned) */
  char *path; /* (owned) */
} ImportCall;

static void
import_call_free (ImportCall *import)
{
  call_free (import->call);
  g_free (import->path);
  g_free (import);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImportCall, import_call_free)

static void
log_problems (const char             *path,
              const LampImportReport *report)
{
  for (guint i = 0; i < report->problems->len; i++)
    g_message ("%s: %s", path, (const char *) g_ptr_array_index (report->problems, i));

  if (report->n_problems > report->problems->len)
    g_message ("%s: %u more can’t be imported", path, report->n_problems - report->problems->len);
}

static void
imported_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (ImportCall) import = user_data;
  Call *call = import->call;
  g_autoptr (GError) error = NULL;
  g_autoptr (LampImportReport) report = NULL;

  report = lamp_queue_import_finish (LAMP_QUEUE (source), result, &error);
  if (report == NULL)
    {
      fail_call (call, error);
      return;
    }

  log_problems (import->path, report);
  g_message ("%s: imported %u, skipped %u", import->path, report->imported, report->skipped);
  lamp_bus_agent1_complete_import (LAMP_BUS_AGENT1 (call->service),
                                   g_steal_pointer (&call->invocation), report->imported,
                                   report->skipped);
}

static gboolean
handle_import (LampBusAgent1         *object,
               GDBusMethodInvocation *invocation,
               const char            *path)
{
  LampService *self = LAMP_SERVICE (object);
  ImportCall *import = NULL;

  if (!g_path_is_absolute (path))
    {
      g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
                                             _("path: must be absolute, but is “%s”"), path);
      return G_DBUS_METHOD_INVOCATION_HANDLED;
    }

  import = g_new0 (ImportCall, 1);
  import->call = call_new (self, invocation);
  import->path = g_strdup (path);
  lamp_queue_import_async (self->queue, path, NULL, NULL, imported_cb, import);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

/* --- the rest ----------------------------------------------------------- */

static void
token_set_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (Call) call = user_data;
  g_autoptr (GError) error = NULL;

  if (lamp_secrets_store_finish (LAMP_SECRETS (source), result, &error))
    g_dbus_method_invocation_return_value (g_steal_pointer (&call->invocation), NULL);
  else
    fail_call (call, error);
}

static gboolean
handle_set_token (LampBusAgent1         *object,
                  GDBusMethodInvocation *invocation,
                  const char            *token)
{
  LampService *self = LAMP_SERVICE (object);

  if (*token == '\0')
    g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
                                           _("token: must not be empty; ClearToken forgets one"));
  else if (!lamp_secrets_is_token (token))
    g_dbus_method_invocation_return_error (
      invocation, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
      _("token: must hold no spaces, line breaks or other than ASCII characters"));
  else
    lamp_secrets_store_async (self->secrets, token, token_set_cb, call_new (self, invocation));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_clear_token (LampBusAgent1         *object,
                    GDBusMethodInvocation *invocation)
{
  LampService *self = LAMP_SERVICE (object);

  lamp_secrets_store_async (self->secrets, NULL, token_set_cb, call_new (self, invocation));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_history (LampBusAgent1         *object,
                GDBusMethodInvocation *invocation,
                gint64                 since,
                guint                  step_seconds)
{
  LampService *self = LAMP_SERVICE (object);
  gint64 step = step_seconds * G_TIME_SPAN_SECOND;
  gint64 reach = MIN (g_get_real_time () - MAX (since, 0), LAMP_TREND_REACH);
  g_autoptr (GArray) points = NULL;
  GVariantBuilder builder;

  if (step == 0 || reach / step >= HISTORY_MAX_POINTS)
    {
      g_dbus_method_invocation_return_error (
        invocation, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
        _("step_seconds: must be at least 1, and so long that no more than %d points are asked "
          "for"),
        HISTORY_MAX_POINTS);
      return G_DBUS_METHOD_INVOCATION_HANDLED;
    }

  points = lamp_trend_dup_points (self->trend, since, step);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(xuuu)"));
  for (guint i = 0; i < points->len; i++)
    {
      const LampTrendPoint *point = &g_array_index (points, LampTrendPoint, i);

      g_variant_builder_add (&builder, "(xuuu)", point->time, point->pending, point->delivered,
                             point->failed);
    }

  lamp_bus_agent1_complete_history (object, invocation, g_variant_builder_end (&builder));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_show_window (LampBusAgent1         *object,
                    GDBusMethodInvocation *invocation)
{
  g_signal_emit (object, signals[SHOW_WINDOW], 0, invocation);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_quit (LampBusAgent1         *object,
             GDBusMethodInvocation *invocation)
{
  lamp_bus_agent1_complete_quit (object, invocation);
  g_signal_emit (object, signals[QUIT], 0);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static void
lamp_service_iface_init (LampBusAgent1Iface *iface)
{
  iface->handle_emit = handle_emit;
  iface->handle_emit_batch = handle_emit_batch;
  iface->handle_observe = handle_observe;
  iface->handle_replay_now = handle_replay_now;
  iface->handle_test_connection = handle_test_connection;
  iface->handle_resend = handle_resend;
  iface->handle_resend_all = handle_resend_all;
  iface->handle_discard = handle_discard;
  iface->handle_list = handle_list;
  iface->handle_get = handle_get;
  iface->handle_set_token = handle_set_token;
  iface->handle_clear_token = handle_clear_token;
  iface->handle_import = handle_import;
  iface->handle_history = handle_history;
  iface->handle_show_window = handle_show_window;
  iface->handle_quit = handle_quit;
}

/* --- signals ------------------------------------------------------------ */

static void
appended_cb (LampService *self,
             GPtrArray   *receipts)
{
  for (guint i = 0; i < receipts->len; i++)
    {
      const LampReceipt *receipt = g_ptr_array_index (receipts, i);

      lamp_bus_agent1_emit_event_queued (LAMP_BUS_AGENT1 (self), receipt->event_id,
                                         lamp_event_get_event_type (receipt->event),
                                         lamp_event_get_mission_id (receipt->event),
                                         receipt->lamport_clock);
    }
}

static void
delivered_cb (LampService *self,
              char       **event_ids)
{
  lamp_bus_agent1_emit_events_delivered (LAMP_BUS_AGENT1 (self), (const char *const *) event_ids);
}

static void
failed_cb (LampService *self,
           GPtrArray   *refusals)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(sss)"));

  for (guint i = 0; i < refusals->len; i++)
    {
      const LampRefusal *refusal = g_ptr_array_index (refusals, i);

      g_variant_builder_add (&builder, "(sss)", refusal->event_id, refusal->code, refusal->message);
    }

  lamp_bus_agent1_emit_events_failed (LAMP_BUS_AGENT1 (self), g_variant_builder_end (&builder));
}

static void
finished_cb (LampService *self,
             guint        delivered,
             guint        failed,
             guint        left,
             const char  *error)
{
  lamp_bus_agent1_emit_replay_finished (LAMP_BUS_AGENT1 (self), delivered, failed, left, error);
}

/* --- properties --------------------------------------------------------- */

static void
emit_properties_changed (LampService *self,
                         GVariant    *changed)
{
  GDBusInterfaceSkeleton *skeleton = G_DBUS_INTERFACE_SKELETON (self);
  GDBusInterfaceInfo *info = g_dbus_interface_skeleton_get_info (skeleton);
  g_autolist (GDBusConnection) connections = g_dbus_interface_skeleton_get_connections (skeleton);
  g_autoptr (GVariant) parameters = g_variant_ref_sink (
    g_variant_new ("(s@a{sv}as)", info->name, changed, NULL));

  for (GList *link = connections; link != NULL; link = link->next)
    g_dbus_connection_emit_signal (link->data, NULL,
                                   g_dbus_interface_skeleton_get_object_path (skeleton),
                                   "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                   parameters, NULL);
}

static gboolean
tell_cb (gpointer user_data)
{
  LampService *self = user_data;
  g_autoptr (GVariant) all = g_dbus_interface_skeleton_get_properties (
    G_DBUS_INTERFACE_SKELETON (self));
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autoptr (GVariant) changed = NULL;
  GVariantIter iter;
  const char *name;
  GVariant *value;

  self->tell_id = 0;
  self->told_at = g_get_monotonic_time ();

  g_variant_iter_init (&iter, all);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    {
      g_autoptr (GVariant) before = self->told != NULL
                                      ? g_variant_lookup_value (self->told, name, NULL)
                                      : NULL;

      if (before == NULL || !g_variant_equal (before, value))
        g_variant_builder_add (&builder, "{sv}", name, value);
    }

  changed = g_variant_ref_sink (g_variant_builder_end (&builder));
  if (g_variant_n_children (changed) > 0)
    emit_properties_changed (self, changed);

  g_clear_pointer (&self->told, g_variant_unref);
  self->told = g_steal_pointer (&all);

  return G_SOURCE_REMOVE;
}

void
lamp_service_set_snapshot (LampService  *self,
                           LampSnapshot *snapshot)
{
  gint64 passed;

  g_return_if_fail (LAMP_IS_SERVICE (self));
  g_return_if_fail (snapshot != NULL);

  g_clear_pointer (&self->snapshot, lamp_snapshot_unref);
  self->snapshot = lamp_snapshot_ref (snapshot);

  if (self->tell_id != 0)
    return;

  passed = (g_get_monotonic_time () - self->told_at) / 1000;
  self->tell_id = g_timeout_add ((guint) CLAMP (TELL_INTERVAL_MS - passed, 0, TELL_INTERVAL_MS),
                                 tell_cb, self);
}

static void
lamp_service_get_property (GObject    *object,
                           guint       property_id,
                           GValue     *value,
                           GParamSpec *pspec)
{
  const LampSnapshot *snapshot = LAMP_SERVICE (object)->snapshot;

  switch (property_id)
    {
    case PROP_STATE:
      g_value_set_string (value, lamp_state_to_string (snapshot->state));
      break;
    case PROP_ONLINE:
      g_value_set_boolean (value, snapshot->online);
      break;
    case PROP_PAUSED:
      g_value_set_boolean (value, snapshot->paused);
      break;
    case PROP_PENDING:
      g_value_set_uint64 (value, snapshot->tally.pending);
      break;
    case PROP_FAILED:
      g_value_set_uint64 (value, snapshot->tally.failed);
      break;
    case PROP_DELIVERED:
      g_value_set_uint64 (value, snapshot->tally.delivered);
      break;
    case PROP_CAPACITY:
      g_value_set_uint64 (value, snapshot->capacity);
      break;
    case PROP_REPLAY_DONE:
      g_value_set_uint64 (value, snapshot->replay_done);
      break;
    case PROP_REPLAY_TOTAL:
      g_value_set_uint64 (value, snapshot->replay_total);
      break;
    case PROP_NEXT_RETRY:
      g_value_set_int64 (value, snapshot->next_retry);
      break;
    case PROP_OFFLINE_SINCE:
      g_value_set_int64 (value, snapshot->offline_since);
      break;
    case PROP_LAST_DELIVERY:
      g_value_set_int64 (value, snapshot->tally.last_delivery);
      break;
    case PROP_OLDEST_PENDING:
      g_value_set_int64 (value, snapshot->tally.oldest_pending);
      break;
    case PROP_LAMPORT_CLOCK:
      g_value_set_int64 (value, snapshot->tally.lamport_clock);
      break;
    case PROP_NODE_ID:
      g_value_set_string (value, snapshot->node_id);
      break;
    case PROP_SERVER_URL:
      g_value_set_string (value, snapshot->server_url);
      break;
    case PROP_QUEUE_PATH:
      g_value_set_string (value, snapshot->queue_path);
      break;
    case PROP_LAST_ERROR:
      g_value_set_string (value, snapshot->last_error);
      break;
    case PROP_TRAY_STATUS:
      g_value_set_string (value, snapshot->tray_status);
      break;
    case PROP_VERSION:
      g_value_set_static_string (value, LAMP_VERSION);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
lamp_service_set_property (GObject      *object,
                           guint         property_id,
                           const GValue *value,
                           GParamSpec   *pspec)
{
  if (property_id == PROP_PAUSED)
    g_signal_emit (object, signals[PAUSE], 0, g_value_get_boolean (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
}

/* --- the object --------------------------------------------------------- */

static void
lamp_service_dispose (GObject *object)
{
  LampService *self = LAMP_SERVICE (object);

  g_clear_handle_id (&self->tell_id, g_source_remove);
  g_clear_object (&self->queue);
  g_clear_object (&self->replay);
  g_clear_object (&self->secrets);
  g_clear_object (&self->trend);

  G_OBJECT_CLASS (lamp_service_parent_class)->dispose (object);
}

static void
lamp_service_finalize (GObject *object)
{
  LampService *self = LAMP_SERVICE (object);

  g_clear_pointer (&self->snapshot, lamp_snapshot_unref);
  g_clear_pointer (&self->told, g_variant_unref);

  G_OBJECT_CLASS (lamp_service_parent_class)->finalize (object);
}

static void
lamp_service_class_init (LampServiceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  object_class->dispose = lamp_service_dispose;
  object_class->finalize = lamp_service_finalize;
  object_class->get_property = lamp_service_get_property;
  object_class->set_property = lamp_service_set_property;

  lamp_bus_agent1_override_properties (object_class, PROP_STATE);

  signals[SHOW_WINDOW] = g_signal_new ("show-window", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                       G_TYPE_NONE, 1, G_TYPE_DBUS_METHOD_INVOCATION);
  signals[PAUSE] = g_signal_new ("pause", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                 1, G_TYPE_BOOLEAN);
  signals[QUIT] = g_signal_new ("quit", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                0);
  signals[STORAGE_FAILED] = g_signal_new ("storage-failed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                          NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
lamp_service_init (LampService *self)
{
}

LampService *
lamp_service_new (LampQueue   *queue,
                  LampReplay  *replay,
                  LampSecrets *secrets,
                  LampTrend   *trend)
{
  LampService *self = g_object_new (LAMP_TYPE_SERVICE, NULL);

  self->queue = g_object_ref (queue);
  self->replay = g_object_ref (replay);
  self->secrets = g_object_ref (secrets);
  self->trend = g_object_ref (trend);

  g_signal_connect_object (queue, "appended", G_CALLBACK (appended_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (queue, "delivered", G_CALLBACK (delivered_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (queue, "failed", G_CALLBACK (failed_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (replay, "finished", G_CALLBACK (finished_cb), self, G_CONNECT_SWAPPED);

  return self;
}
