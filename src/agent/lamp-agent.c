/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent.h"

#include "lamp-background.h"
#include "lamp-bus-error.h"
#include "lamp-bus-watch.h"
#include "lamp-debounce.h"
#include "lamp-error.h"
#include "lamp-keyring-watch.h"
#include "lamp-network.h"
#include "lamp-notifier.h"
#include "lamp-relay.h"
#include "lamp-secrets.h"
#include "lamp-service.h"
#include "lamp-settings.h"
#include "lamp-sleep-watch.h"
#include "lamp-snapshot.h"
#include "lamp-stall-alarm.h"
#include "lamp-timer-boot.h"
#include "lamp-transport-soup.h"
#include "lamp-tray-presenter.h"
#include "lamp-trend.h"
#include "lamp-url.h"
#include "lamp-window-call.h"

#include <glib/gi18n.h>

#define EXIT_UNREACHABLE 3

/* A secret service that doesn't answer must not keep events from being sent. */
#define TOKEN_PATIENCE_MS 3000

/* The agent that is replaced has 3 seconds for its batch in flight, and some to end. */
#define TAKE_OVER_PATIENCE_MS 5000

/* How often a queue that can't be opened is tried again. */
#define REOPEN_INTERVAL_S 10

struct _LampAgent
{
  GApplication parent_instance;

  GSettings *settings;          /* (owned) */
  char *server_option;          /* (owned) (nullable) */
  char *server_url;             /* (owned) (nullable) */
  char *server_problem;         /* (owned) (nullable) */
  char *token_problem;          /* (owned) (nullable) while the environment's token is refused */
  char *queue_problem;          /* (owned) (nullable) */
  char *notice;                 /* (owned) (nullable) of a damaged queue */
  char *fullness;               /* (owned) (nullable) a warning, while the queue is nearly full */
  LampQueue *queue;             /* (owned) */
  LampTransportSoup *transport; /* (owned) */
  LampReplay *replay;           /* (owned) */
  LampSecrets *secrets;         /* (owned) */
  LampTrend *trend;             /* (owned) */
  LampKeyringWatch *keyring;    /* (owned) (nullable) */
  LampService *service;         /* (owned) */
  LampSleepWatch *sleep_watch;  /* (owned) */
  LampStallAlarm *stall_alarm;  /* (owned) */
  LampDebounce *debounce;       /* (owned) */
  LampNotifier *notifier;       /* (owned) */
  LampTimer *timer;             /* (owned) */
  LampBackground *background;   /* (owned) (nullable) in a sandbox, while it runs */
  LampTrayPresenter *tray;      /* (owned) (nullable) NULL before it runs, and if it isn't wanted */
  char *predecessor;            /* (owned) (nullable) unique name of the agent that is replaced */
  LampRelay *relay;             /* (owned) (nullable) while it ends */
  guint predecessor_watch;      /* 0 while there is none to wait for */
  guint take_over_id;           /* 0 while there is none to wait for */
  guint token_id;               /* 0 once the token was looked up */
  guint reopen_id;              /* 0 while the queue is open */
  gboolean tray_wanted;
  LampBusWatch *bus_watch; /* (owned) (nullable) */
  gboolean again;          /* to be started anew once it has ended */
  gboolean ending;
};

G_DEFINE_FINAL_TYPE (LampAgent, lamp_agent, G_TYPE_APPLICATION)

/* --- the one state everybody shows -------------------------------------- */

/* Signing in would change nothing then. */
static void
watch_token (LampAgent *self)
{
  gboolean refused = lamp_replay_get_state (self->replay) == LAMP_STATE_UNAUTHORIZED;

  g_clear_pointer (&self->token_problem, g_free);
  if (refused && lamp_settings_get_token_override () != NULL)
    /* TRANSLATORS: what the server answered; a program looks for SAAS_API_KEY: keep it */
    self->token_problem = g_strdup_printf (_("%s. The token comes from SAAS_API_KEY: correct or "
                                             "unset that, and start the agent anew"),
                                           lamp_replay_get_last_error (self->replay));
}

/* What outweighs the replay's own error; last comes what is mended already and must be told all
 * the same. */
static const char *
get_problem (LampAgent *self)
{
  if (self->queue_problem != NULL)
    return self->queue_problem;
  if (self->server_problem != NULL)
    return self->server_problem;

  if (lamp_secrets_get_problem (self->secrets) != NULL)
    return lamp_secrets_get_problem (self->secrets);
  if (self->token_problem != NULL)
    return self->token_problem;
  if (*lamp_replay_get_last_error (self->replay) != '\0')
    return NULL;

  if (self->fullness != NULL)
    return self->fullness;
  if (self->notice != NULL)
    return self->notice;

  return self->background != NULL ? lamp_background_get_problem (self->background) : NULL;
}

static void
update_snapshot (LampAgent *self)
{
  gint64 stalled_after = g_settings_get_uint (self->settings, "stalled-after-hours") *
                         G_TIME_SPAN_HOUR;
  const char *tray_status = self->tray != NULL ? lamp_tray_presenter_get_status (self->tray) : "";
  g_autoptr (LampSnapshot) snapshot = lamp_snapshot_new (self->queue, self->replay,
                                                         self->server_url, get_problem (self),
                                                         tray_status, stalled_after);

  lamp_service_set_snapshot (self->service, snapshot);
  lamp_debounce_push (self->debounce, snapshot);
  lamp_notifier_set_storage_problem (self->notifier, self->queue_problem);
  lamp_stall_alarm_set (self->stall_alarm, snapshot->tally.oldest_pending > 0
                                             ? snapshot->tally.oldest_pending + stalled_after
                                             : 0);
}

/* Logged once for each time that the queue fills up. */
static void
watch_fullness (LampAgent *self)
{
  if (!lamp_queue_is_nearly_full (self->queue))
    {
      g_clear_pointer (&self->fullness, g_free);
    }
  else if (self->fullness == NULL)
    {
      self->fullness = g_strdup (
        /* xgettext:no-c-format */
        /* TRANSLATORS: keep “capacity”, which is the name of the setting */
        _("The queue is more than 80 % full, and a full one takes no more events: let it "
          "be replayed, discard failed events, or raise the setting “capacity”"));
      g_message ("%s", self->fullness);
    }
}

static void
replay_changed_cb (LampAgent *self)
{
  watch_token (self);
  update_snapshot (self);
}

static void
queue_changed_cb (LampAgent *self)
{
  /* A number came from the file, so it can be used again. */
  g_clear_pointer (&self->queue_problem, g_free);
  g_clear_handle_id (&self->reopen_id, g_source_remove);
  g_free (self->notice);
  self->notice = lamp_queue_dup_notice (self->queue);
  watch_fullness (self);
  update_snapshot (self);
}

static void
storage_failed_cb (LampAgent  *self,
                   const char *message)
{
  g_free (self->queue_problem);
  self->queue_problem = g_strdup (message);
  update_snapshot (self);
}

/* --- settings ----------------------------------------------------------- */

/* An address with a password is refused, but shown all the same. */
static void
hide_password (char **url)
{
  char *shown = lamp_url_dup_shown (*url);

  g_free (*url);
  *url = shown;
}

/* What may be used of the settings; FALSE if all is as it was. */
static gboolean
read_server (LampAgent *self)
{
  g_autofree char *old_url = g_steal_pointer (&self->server_url);
  g_autofree char *old_problem = g_steal_pointer (&self->server_problem);
  gboolean allow_insecure = g_settings_get_boolean (self->settings, "allow-insecure-http");
  g_autoptr (GError) error = NULL;

  self->server_url = self->server_option != NULL ? g_strdup (self->server_option)
                                                 : lamp_settings_dup_server_url (self->settings);
  if (!lamp_transport_soup_set_server (self->transport, self->server_url, allow_insecure, &error))
    {
      self->server_problem = g_strdup (error->message);
      hide_password (&self->server_url);
    }

  return g_strcmp0 (old_url, self->server_url) != 0 ||
         g_strcmp0 (old_problem, self->server_problem) != 0;
}

/* What replay has learnt of a server, and the waits it asked for, end with another one only. */
static void
apply_server (LampAgent *self)
{
  if (!read_server (self))
    return;

  if (self->server_problem != NULL)
    g_warning ("%s", self->server_problem);
  lamp_replay_server_changed (self->replay);
}

static void
apply_settings (LampAgent *self)
{
  lamp_settings_apply_to_queue (self->settings, self->queue);
  lamp_replay_set_batch (self->replay, g_settings_get_uint (self->settings, "batch-size"),
                         g_settings_get_uint (self->settings, "max-batch-bytes"));
  lamp_replay_set_max_retries (self->replay, g_settings_get_uint (self->settings, "max-retries"));
  lamp_replay_set_on_exhausted (self->replay,
                                (LampOnExhausted) g_settings_get_enum (self->settings,
                                                                       "on-exhausted"));
  lamp_replay_set_in_flight (self->replay, g_settings_get_uint (self->settings, "in-flight"));
  lamp_transport_soup_set_compress (self->transport,
                                    g_settings_get_boolean (self->settings, "compress"));
  if (g_application_get_is_registered (G_APPLICATION (self)))
    lamp_queue_tidy (self->queue);
}

/* Only when it is about the pause: to let replay go on is also the consent to a new server. */
static void
apply_paused (LampAgent *self)
{
  lamp_replay_set_paused (self->replay, g_settings_get_boolean (self->settings, "paused"));
}

static void
settings_changed_cb (LampAgent  *self,
                     const char *key)
{
  /* The notifier's own note. */
  if (g_str_equal (key, "stalled-notified"))
    return;

  if (g_str_equal (key, "server-url") || g_str_equal (key, "allow-insecure-http"))
    apply_server (self);
  else if (g_str_equal (key, "paused"))
    apply_paused (self);
  else
    apply_settings (self);

  watch_fullness (self);
  update_snapshot (self);
}

static void
secrets_changed_cb (LampAgent *self)
{
  lamp_transport_soup_set_token (self->transport, lamp_secrets_get_token (self->secrets));
  lamp_replay_server_changed (self->replay);
  update_snapshot (self);
}

/* --- the queue ---------------------------------------------------------- */

static void
reopened_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (LampAgent) self = LAMP_AGENT (user_data);

  if (lamp_queue_open_finish (LAMP_QUEUE (source), result, NULL))
    queue_changed_cb (self);
}

static gboolean
reopen_cb (gpointer user_data)
{
  LampAgent *self = LAMP_AGENT (user_data);

  lamp_queue_open_async (self->queue, reopened_cb, g_object_ref (self));

  return G_SOURCE_CONTINUE;
}

/* Before the main loop runs, so that the first answer on the bus is a true one. */
static void
open_queue (LampAgent *self)
{
  g_autoptr (GError) error = NULL;

  if (!lamp_queue_open (self->queue, &error))
    {
      g_warning ("%s", error->message);
      self->queue_problem = g_strdup (error->message);
      self->reopen_id = g_timeout_add_seconds (REOPEN_INTERVAL_S, reopen_cb, self);
    }

  lamp_queue_watch (self->queue);
}

/* --- starting to send --------------------------------------------------- */

static void stop_replay (LampAgent *self);

static void
start_when_ready (LampAgent *self)
{
  if (self->token_id == 0 && self->predecessor_watch == 0 && !self->ending)
    lamp_replay_start (self->replay);
}

static void
token_loaded_cb (GObject      *source,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autoptr (LampAgent) self = LAMP_AGENT (user_data);

  g_clear_handle_id (&self->token_id, g_source_remove);
  start_when_ready (self);
}

static gboolean
token_patience_cb (gpointer user_data)
{
  LampAgent *self = LAMP_AGENT (user_data);

  self->token_id = 0;
  start_when_ready (self);

  return G_SOURCE_REMOVE;
}

static void
predecessor_gone (LampAgent *self)
{
  g_clear_handle_id (&self->predecessor_watch, g_bus_unwatch_name);
  g_clear_handle_id (&self->take_over_id, g_source_remove);
  g_clear_object (&self->relay);
  if (self->ending)
    stop_replay (self);
  else
    start_when_ready (self);
}

static void
predecessor_vanished_cb (GDBusConnection *connection,
                         const char      *name,
                         gpointer         user_data)
{
  predecessor_gone (LAMP_AGENT (user_data));
}

static gboolean
take_over_cb (gpointer user_data)
{
  LampAgent *self = LAMP_AGENT (user_data);

  g_warning ("The agent that was replaced has not ended; going on without it");
  self->take_over_id = 0;
  predecessor_gone (self);

  return G_SOURCE_REMOVE;
}

static void
wait_for_predecessor (LampAgent *self)
{
  GDBusConnection *connection = g_application_get_dbus_connection (G_APPLICATION (self));

  if (self->predecessor == NULL || connection == NULL)
    return;

  self->take_over_id = g_timeout_add (TAKE_OVER_PATIENCE_MS, take_over_cb, self);
  self->predecessor_watch = g_bus_watch_name_on_connection (connection, self->predecessor,
                                                            G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                                            predecessor_vanished_cb, self, NULL);
}

/* --- ending ------------------------------------------------------------- */

static void
flushed_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (LampAgent) self = LAMP_AGENT (user_data);

  lamp_queue_flush_finish (LAMP_QUEUE (source), result);
  g_application_quit (G_APPLICATION (self));
}

/* Events that were handed in while the last batch was waited for are stored and answered, too. */
static void
stopped_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  LampAgent *self = LAMP_AGENT (user_data);

  lamp_replay_stop_finish (LAMP_REPLAY (source), result);
  lamp_trend_save (self->trend);
  lamp_queue_flush_async (self->queue, flushed_cb, self);
}

static void
stop_replay (LampAgent *self)
{
  lamp_replay_stop_async (self->replay, stopped_cb, g_object_ref (self));
}

void
lamp_agent_end (LampAgent *self)
{
  g_return_if_fail (LAMP_IS_AGENT (self));

  if (self->ending)
    return;

  g_debug ("agent: ending");
  self->ending = TRUE;

  /* Whoever replaces this agent waits for it alone, and not for the one before it. */
  if (self->predecessor_watch == 0)
    stop_replay (self);
}

/* A connection that was closed stays closed, and others in this process may hold it. */
static void
bus_back_cb (LampAgent *self)
{
  g_message ("There is a session bus again");
  self->again = TRUE;
  lamp_agent_end (self);
}

gboolean
lamp_agent_wants_again (LampAgent *self)
{
  g_return_val_if_fail (LAMP_IS_AGENT (self), FALSE);

  return self->again;
}

/* --- what the service is asked for -------------------------------------- */

static void
pause_cb (LampAgent *self,
          gboolean   paused)
{
  lamp_replay_set_paused (self->replay, paused);
  g_settings_set_boolean (self->settings, "paused", paused);
}

static void
resent_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (LampAgent) self = LAMP_AGENT (user_data);
  g_autoptr (GError) error = NULL;
  guint count;

  if (!lamp_queue_resend_finish (LAMP_QUEUE (source), result, &count, &error))
    g_warning ("%s", error->message);
  else if (count > 0)
    lamp_replay_now (self->replay, NULL);
}

static void
resend_cb (LampAgent *self)
{
  lamp_queue_resend_async (self->queue, NULL, resent_cb, g_object_ref (self));
}

static void
replay_cb (LampAgent *self)
{
  lamp_replay_now (self->replay, NULL);
}

static void
window_shown_cb (GObject      *source,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  g_autoptr (GError) error = NULL;

  lamp_window_call_finish (G_DBUS_CONNECTION (source), result, &error);
  if (invocation != NULL && error == NULL)
    g_dbus_method_invocation_return_value (invocation, NULL);
  else if (invocation != NULL)
    g_dbus_method_invocation_return_gerror (invocation, error);
  else if (error != NULL)
    g_message ("The window can’t be opened: %s", error->message);
}

/* @invocation is NULL if it was not a call that asked for it. */
static void
show_window_cb (LampAgent             *self,
                GDBusMethodInvocation *invocation)
{
  lamp_window_call_async (g_application_get_dbus_connection (G_APPLICATION (self)), NULL, NULL,
                          window_shown_cb, invocation);
}

static void
show_cb (LampAgent *self)
{
  show_window_cb (self, NULL);
}

/* --- the tray ----------------------------------------------------------- */

static void
show_tray (LampAgent *self)
{
  if (!self->tray_wanted)
    return;

  self->tray = lamp_tray_presenter_new (G_APPLICATION (self), self->queue, self->replay,
                                        self->settings, self->debounce, self->timer);
  g_signal_connect_object (self->tray, "status-changed", G_CALLBACK (update_snapshot), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->tray, "pause", G_CALLBACK (pause_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->tray, "quit", G_CALLBACK (lamp_agent_end), self,
                           G_CONNECT_SWAPPED);
  update_snapshot (self);
}

/* --- in a sandbox ------------------------------------------------------- */

static void
ask_desktop (LampAgent *self)
{
  GDBusConnection *connection = g_application_get_dbus_connection (G_APPLICATION (self));

  if (connection == NULL || !lamp_background_is_needed ())
    return;

  self->background = lamp_background_new (connection, self->settings, self->debounce, self->timer);
  g_signal_connect_object (self->background, "changed", G_CALLBACK (update_snapshot), self,
                           G_CONNECT_SWAPPED);
}

/* --- GApplication ------------------------------------------------------- */

static gboolean
lamp_agent_dbus_register (GApplication    *application,
                          GDBusConnection *connection,
                          const char      *object_path,
                          GError         **error)
{
  LampAgent *self = LAMP_AGENT (application);

  return G_APPLICATION_CLASS (lamp_agent_parent_class)
           ->dbus_register (application, connection, object_path, error) &&
         g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->service), connection,
                                           LAMP_AGENT_PATH, error);
}

static void
lamp_agent_dbus_unregister (GApplication    *application,
                            GDBusConnection *connection,
                            const char      *object_path)
{
  LampAgent *self = LAMP_AGENT (application);

  if (g_dbus_interface_skeleton_has_connection (G_DBUS_INTERFACE_SKELETON (self->service),
                                                connection))
    g_dbus_interface_skeleton_unexport_from_connection (G_DBUS_INTERFACE_SKELETON (self->service),
                                                        connection);

  G_APPLICATION_CLASS (lamp_agent_parent_class)
    ->dbus_unregister (application, connection, object_path);
}

static void
lamp_agent_startup (GApplication *application)
{
  LampAgent *self = LAMP_AGENT (application);

  G_APPLICATION_CLASS (lamp_agent_parent_class)->startup (application);

  g_application_hold (application);
  lamp_trend_load (self->trend);
  lamp_notifier_take_snapshot (self->notifier, lamp_debounce_get (self->debounce));
  wait_for_predecessor (self);
  self->token_id = g_timeout_add (TOKEN_PATIENCE_MS, token_patience_cb, self);
  lamp_secrets_load_async (self->secrets, token_loaded_cb, g_object_ref (self));
  if (g_application_get_dbus_connection (application) != NULL)
    self->keyring = lamp_keyring_watch_new (g_application_get_dbus_connection (application),
                                            self->secrets);
  show_tray (self);
  ask_desktop (self);
}

/* Whoever activates the agent wants it to run, which it does; the window is another program. */
static void
lamp_agent_activate (GApplication *application)
{
}

/* Somebody has started an agent with --replace. With the name the service has left the bus; it
 * comes back to say what becomes of the batch in flight, which the other agent passes on. */
static gboolean
lamp_agent_name_lost (GApplication *application)
{
  LampAgent *self = LAMP_AGENT (application);
  g_autoptr (GError) error = NULL;

  g_message ("Another agent takes over");
  if (!g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->service),
                                         g_application_get_dbus_connection (application),
                                         LAMP_AGENT_PATH, &error))
    g_debug ("agent: silent from now on: %s", error->message);
  lamp_agent_end (self);

  return TRUE;
}

static void
lamp_agent_dispose (GObject *object)
{
  LampAgent *self = LAMP_AGENT (object);

  g_clear_handle_id (&self->predecessor_watch, g_bus_unwatch_name);
  g_clear_handle_id (&self->take_over_id, g_source_remove);
  g_clear_handle_id (&self->token_id, g_source_remove);
  g_clear_handle_id (&self->reopen_id, g_source_remove);
  g_clear_object (&self->background);
  g_clear_object (&self->sleep_watch);
  g_clear_object (&self->stall_alarm);
  g_clear_object (&self->notifier);
  g_clear_object (&self->debounce);
  g_clear_object (&self->bus_watch);
  g_clear_object (&self->service);
  if (self->replay != NULL)
    g_object_run_dispose (G_OBJECT (self->replay));
  g_clear_object (&self->replay);
  g_clear_object (&self->transport);
  g_clear_object (&self->relay);
  g_clear_object (&self->keyring);
  g_clear_object (&self->secrets);
  g_clear_object (&self->trend);
  g_clear_object (&self->queue);
  g_clear_object (&self->timer);
  g_clear_object (&self->settings);

  G_OBJECT_CLASS (lamp_agent_parent_class)->dispose (object);
}

static void
lamp_agent_finalize (GObject *object)
{
  LampAgent *self = LAMP_AGENT (object);

  g_free (self->server_option);
  g_free (self->server_url);
  g_free (self->server_problem);
  g_free (self->token_problem);
  g_free (self->queue_problem);
  g_free (self->notice);
  g_free (self->fullness);
  g_free (self->predecessor);

  G_OBJECT_CLASS (lamp_agent_parent_class)->finalize (object);
}

static void
lamp_agent_class_init (LampAgentClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  object_class->dispose = lamp_agent_dispose;
  object_class->finalize = lamp_agent_finalize;
  application_class->dbus_register = lamp_agent_dbus_register;
  application_class->dbus_unregister = lamp_agent_dbus_unregister;
  application_class->startup = lamp_agent_startup;
  application_class->activate = lamp_agent_activate;
  application_class->name_lost = lamp_agent_name_lost;
}

static void
lamp_agent_init (LampAgent *self)
{
}

static void
connect_parts (LampAgent *self)
{
  g_signal_connect_object (self->queue, "changed", G_CALLBACK (queue_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->replay, "changed", G_CALLBACK (replay_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->secrets, "changed", G_CALLBACK (secrets_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->settings, "changed", G_CALLBACK (settings_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->service, "pause", G_CALLBACK (pause_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->service, "quit", G_CALLBACK (lamp_agent_end), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->service, "show-window", G_CALLBACK (show_window_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->service, "storage-failed", G_CALLBACK (storage_failed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->stall_alarm, "ring", G_CALLBACK (update_snapshot), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->debounce, "snapshot", G_CALLBACK (lamp_notifier_take_snapshot),
                           self->notifier, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->notifier, "resend", G_CALLBACK (resend_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->notifier, "replay", G_CALLBACK (replay_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->notifier, "show", G_CALLBACK (show_cb), self, G_CONNECT_SWAPPED);
}

LampAgent *
lamp_agent_new (GSettings              *settings,
                const LampAgentOptions *options)
{
  LampAgent *self = NULL;
  g_autoptr (LampTimer) timer = lamp_timer_boot_new ();
  g_autoptr (LampNetwork) network = lamp_network_monitor_new ();
  GApplicationFlags flags = G_APPLICATION_IS_SERVICE | G_APPLICATION_ALLOW_REPLACEMENT;

  g_return_val_if_fail (G_IS_SETTINGS (settings), NULL);
  g_return_val_if_fail (options != NULL, NULL);

  if (options->replace)
    flags |= G_APPLICATION_REPLACE;

  lamp_bus_error_register ();
  self = g_object_new (LAMP_TYPE_AGENT, "application-id", LAMP_AGENT_ID, "flags", flags, NULL);
  self->settings = g_object_ref (settings);
  self->timer = g_object_ref (timer);
  self->tray_wanted = options->tray;
  self->server_option = g_strdup (options->server);
  self->queue = lamp_settings_new_queue (settings, options->queue);
  self->transport = lamp_transport_soup_new ();
  self->replay = lamp_replay_new (self->queue, LAMP_TRANSPORT (self->transport), timer, network);
  self->secrets = lamp_secrets_new ();
  self->trend = lamp_trend_new (self->queue);
  self->service = lamp_service_new (self->queue, self->replay, self->secrets, self->trend);
  self->sleep_watch = lamp_sleep_watch_new (network);
  self->stall_alarm = lamp_stall_alarm_new (timer);
  self->debounce = lamp_debounce_new (timer);
  self->notifier = lamp_notifier_new (G_APPLICATION (self), settings, timer);

  apply_server (self);
  apply_settings (self);
  apply_paused (self);
  connect_parts (self);

  return self;
}

/* The unique name of the agent that runs, or NULL. */
static char *
dup_owner (GDBusConnection *connection)
{
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                 "org.freedesktop.DBus", "GetNameOwner",
                                 g_variant_new ("(s)", LAMP_AGENT_ID), G_VARIANT_TYPE ("(s)"),
                                 G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, NULL);
  char *owner = NULL;

  if (reply != NULL)
    g_variant_get (reply, "(s)", &owner);

  return owner;
}

static guint
get_process_id (GDBusConnection *connection,
                const char      *owner)
{
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                 "org.freedesktop.DBus", "GetConnectionUnixProcessID",
                                 g_variant_new ("(s)", owner), G_VARIANT_TYPE ("(u)"),
                                 G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, NULL);
  guint process_id = 0;

  if (reply != NULL)
    g_variant_get (reply, "(u)", &process_id);

  return process_id;
}

static int
yield_to (GDBusConnection *connection,
          const char      *owner)
{
  g_printerr (
    _("Lamppost’s agent runs already, as process %u. With --replace this one takes over.\n"),
    get_process_id (connection, owner));

  return EXIT_UNREACHABLE;
}

int
lamp_agent_run (LampAgent *self)
{
  GApplication *application = G_APPLICATION (self);
  g_autoptr (GDBusConnection) connection = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_return_val_if_fail (LAMP_IS_AGENT (self), EXIT_UNREACHABLE);

  if (connection != NULL)
    {
      self->bus_watch = lamp_bus_watch_new (connection);
      g_signal_connect_object (self->bus_watch, "back", G_CALLBACK (bus_back_cb), self,
                               G_CONNECT_SWAPPED);
      self->predecessor = dup_owner (connection);
      if (self->predecessor != NULL &&
          !(g_application_get_flags (application) & G_APPLICATION_REPLACE))
        return yield_to (connection, self->predecessor);
      if (self->predecessor != NULL)
        self->relay = lamp_relay_new (connection, self->predecessor, self->service);
    }

  open_queue (self);
  lamp_replay_prepare (self->replay);
  watch_fullness (self);
  update_snapshot (self);

  if (!g_application_register (application, NULL, &error))
    {
      g_autofree char *owner = connection != NULL ? dup_owner (connection) : NULL;

      if (owner != NULL)
        return yield_to (connection, owner);

      g_printerr ("%s\n", error->message);
      return EXIT_UNREACHABLE;
    }

  return g_application_run (application, 0, NULL);
}
