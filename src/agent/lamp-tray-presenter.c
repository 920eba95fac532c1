/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray-presenter.h"

#include "lamp-autostart.h"
#include "lamp-background.h"
#include "lamp-error.h"
#include "lamp-status-text.h"
#include "lamp-tray-menu.h"
#include "lamp-tray.h"
#include "lamp-window-call.h"

#include <glib/gi18n.h>

/* A look at the menu asks for the server's health, but some hosts look without any person. */
#define PROBE_INTERVAL (10 * G_TIME_SPAN_SECOND)

#define STATUS_NOTIFICATION "status"

struct _LampTrayPresenter
{
  GObject parent_instance;

  GApplication *application;   /* (unowned) (nullable) a weak pointer */
  LampQueue *queue;            /* (owned) */
  LampReplay *replay;          /* (owned) */
  GSettings *settings;         /* (owned) */
  LampTimer *timer;            /* (owned) */
  LampDebounce *debounce;      /* (owned) */
  LampTrayMenu *menu;          /* (owned) */
  GSimpleActionGroup *actions; /* (owned) */
  LampAutostart *autostart;    /* (owned) (nullable) NULL where it can't be had */
  LampTray *tray;              /* (owned) */
  gint64 probed_at;            /* as of the timer */
  guint64 n_failed;            /* as of the menu */
  gboolean listing;            /* failed events are asked for */
  gboolean stale;              /* those in the menu may be others by now */
};

G_DEFINE_FINAL_TYPE (LampTrayPresenter, lamp_tray_presenter, G_TYPE_OBJECT)

enum
{
  STATUS_CHANGED,
  PAUSE,
  QUIT,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/* --- failed events in the menu ------------------------------------------ */

static void list_failed (LampTrayPresenter *self);

static void
listed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (LampTrayPresenter) self = LAMP_TRAY_PRESENTER (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (LampPage) page = lamp_queue_list_finish (LAMP_QUEUE (source), result, &error);

  self->listing = FALSE;
  if (self->menu == NULL)
    return;

  if (page != NULL)
    lamp_tray_menu_set_failed (self->menu, page->rows);
  else
    g_debug ("tray: failed events can’t be listed: %s", error->message);

  if (self->stale)
    list_failed (self);
}

static void
list_failed (LampTrayPresenter *self)
{
  LampFilter filter = { .status = LAMP_STATUS_FAILED };

  if (self->listing)
    return;

  self->stale = FALSE;
  self->listing = TRUE;
  lamp_queue_list_async (self->queue, &filter, 0, LAMP_TRAY_MENU_FAILED, listed_cb,
                         g_object_ref (self));
}

/* They are asked for when the menu changes next, not for each of many events. */
static void
set_stale (LampTrayPresenter *self)
{
  self->stale = TRUE;
}

/* --- what is shown ------------------------------------------------------ */

static void
enable (LampTrayPresenter *self,
        const char        *name,
        gboolean           enabled)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), name);

  g_simple_action_set_enabled (G_SIMPLE_ACTION (action), enabled);
}

static void
update_actions (LampTrayPresenter  *self,
                const LampSnapshot *snapshot)
{
  GAction *paused = g_action_map_lookup_action (G_ACTION_MAP (self->actions), "paused");
  gboolean failed = snapshot->tally.failed > 0;

  enable (self, "replay",
          snapshot->state != LAMP_STATE_UNCONFIGURED && snapshot->state != LAMP_STATE_PAUSED &&
            snapshot->state != LAMP_STATE_REPLAYING);
  enable (self, "resend-failed", failed);
  enable (self, "failed", failed);
  g_simple_action_set_state (G_SIMPLE_ACTION (paused), g_variant_new_boolean (snapshot->paused));
}

static void
update_menu (LampTrayPresenter  *self,
             const LampSnapshot *snapshot)
{
  g_autofree char *summary = lamp_status_text_dup_summary (snapshot, g_get_real_time ());

  lamp_tray_menu_set_summary (self->menu, summary);
  lamp_tray_menu_set_failed_count (self->menu, snapshot->tally.failed);
  update_actions (self, snapshot);
}

static void
update_tray (LampTrayPresenter  *self,
             const LampSnapshot *snapshot)
{
  gboolean counts = g_settings_get_boolean (self->settings, "show-count");
  g_autofree char *title = lamp_status_text_dup_title (snapshot);
  g_autofree char *details = lamp_status_text_dup_details (snapshot, g_get_real_time ());
  g_autofree char *label = lamp_status_text_dup_count (counts ? snapshot->tally.pending : 0);
  g_autofree char *accessible = lamp_status_text_dup_accessible (snapshot);
  const LampTrayState state = {
    .icon = lamp_status_text_get_icon (snapshot),
    .attention = lamp_snapshot_needs_attention (snapshot),
    .notice = snapshot->tally.failed > 0,
    .title = title,
    .text = details,
    .label = label,
    .accessible = accessible,
  };

  lamp_tray_set_state (self->tray, &state);
}

static void
snapshot_cb (LampTrayPresenter *self,
             LampSnapshot      *snapshot)
{
  update_menu (self, snapshot);
  update_tray (self, snapshot);

  self->stale |= snapshot->tally.failed != self->n_failed;
  self->n_failed = snapshot->tally.failed;
  if (self->stale)
    list_failed (self);
}

static void
show_count_cb (LampTrayPresenter *self)
{
  update_tray (self, lamp_debounce_get (self->debounce));
}

/* What is relative to the present time is made true for the look. */
static void
opened_cb (LampTrayPresenter *self)
{
  gint64 now = lamp_timer_get_time (self->timer);

  update_menu (self, lamp_debounce_get (self->debounce));
  if (self->probed_at != 0 && now < self->probed_at + PROBE_INTERVAL)
    return;

  self->probed_at = now;
  lamp_replay_probe (self->replay);
}

static void
status_cb (LampTrayPresenter *self)
{
  g_signal_emit (self, signals[STATUS_CHANGED], 0);
}

/* --- what is clicked ---------------------------------------------------- */

static void
notify (LampTrayPresenter *self,
        const char        *title,
        const char        *body)
{
  g_autoptr (GNotification) notification = g_notification_new (title);

  if (self->application == NULL)
    return;

  g_notification_set_body (notification, body);
  g_application_send_notification (self->application, STATUS_NOTIFICATION, notification);
}

static void
notify_status (LampTrayPresenter *self)
{
  LampSnapshot *steady = lamp_debounce_get (self->debounce);
  g_autofree char *title = lamp_status_text_dup_title (steady);
  g_autofree char *summary = lamp_status_text_dup_summary (steady, g_get_real_time ());

  notify (self, title, summary);
}

/* Without a window a click is answered all the same. */
static void
window_called_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  g_autoptr (LampTrayPresenter) self = LAMP_TRAY_PRESENTER (user_data);
  g_autoptr (GError) error = NULL;

  if (lamp_window_call_finish (G_DBUS_CONNECTION (source), result, &error))
    return;

  if (g_error_matches (error, LAMP_ERROR, LAMP_ERROR_NOT_FOUND))
    g_debug ("tray: %s", error->message);
  else
    g_message ("The window can’t be shown: %s", error->message);
  notify_status (self);
}

static void
call_window (LampTrayPresenter *self,
             const char        *action,
             const char        *token)
{
  GDBusConnection *connection = self->application != NULL
                                  ? g_application_get_dbus_connection (self->application)
                                  : NULL;

  if (connection != NULL)
    lamp_window_call_async (connection, action, token, window_called_cb, g_object_ref (self));
}

/* From the menu: the host has sent the right to come to the front before. */
static void
choose_window (LampTrayPresenter *self,
               const char        *action)
{
  g_autofree char *token = lamp_tray_take_token (self->tray);

  call_window (self, action, token);
}

static void
activate_cb (LampTrayPresenter *self,
             const char        *token)
{
  call_window (self, NULL, token);
}

static void
replay_now (LampTrayPresenter *self)
{
  g_autoptr (GError) error = NULL;

  if (!lamp_replay_now (self->replay, &error))
    notify (self, _("Nothing is sent now"), error->message);
}

/* What was put back is to be sent; where that can't be now, it waits like the rest. */
static void
resent_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (LampTrayPresenter) self = LAMP_TRAY_PRESENTER (user_data);
  g_autoptr (GError) error = NULL;
  guint count;

  if (!lamp_queue_resend_finish (LAMP_QUEUE (source), result, &count, &error))
    notify (self, _("Failed events can’t be resent"), error->message);
  else if (count > 0 && self->replay != NULL)
    lamp_replay_now (self->replay, NULL);
}

static void
open_action (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  choose_window (user_data, NULL);
}

static void
replay_action (GSimpleAction *action,
               GVariant      *parameter,
               gpointer       user_data)
{
  replay_now (user_data);
}

static void
resend_failed_action (GSimpleAction *action,
                      GVariant      *parameter,
                      gpointer       user_data)
{
  LampTrayPresenter *self = user_data;

  lamp_queue_resend_async (self->queue, NULL, resent_cb, g_object_ref (self));
}

static void
resend_action (GSimpleAction *action,
               GVariant      *parameter,
               gpointer       user_data)
{
  LampTrayPresenter *self = user_data;
  const char *const event_ids[] = { g_variant_get_string (parameter, NULL), NULL };

  lamp_queue_resend_async (self->queue, event_ids, resent_cb, g_object_ref (self));
}

static void
failed_action (GSimpleAction *action,
               GVariant      *parameter,
               gpointer       user_data)
{
  /* The row only opens its submenu. */
}

static void
show_failed_action (GSimpleAction *action,
                    GVariant      *parameter,
                    gpointer       user_data)
{
  choose_window (user_data, "show-failed");
}

static void
preferences_action (GSimpleAction *action,
                    GVariant      *parameter,
                    gpointer       user_data)
{
  choose_window (user_data, "preferences");
}

/* The state follows the agent's, and so does the check in the menu. */
static void
change_paused (GSimpleAction *action,
               GVariant      *value,
               gpointer       user_data)
{
  g_signal_emit (user_data, signals[PAUSE], 0, g_variant_get_boolean (value));
}

static void
quit_action (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  g_signal_emit (user_data, signals[QUIT], 0);
}

static const GActionEntry entries[] = {
  { "open", open_action, NULL, NULL, NULL },
  { "replay", replay_action, NULL, NULL, NULL },
  { "resend-failed", resend_failed_action, NULL, NULL, NULL },
  { "resend", resend_action, "s", NULL, NULL },
  { "failed", failed_action, NULL, NULL, NULL },
  { "show-failed", show_failed_action, NULL, NULL, NULL },
  { "paused", NULL, NULL, "false", change_paused },
  { "preferences", preferences_action, NULL, NULL, NULL },
  { "quit", quit_action, NULL, NULL, NULL },
};

/* --- start at login ----------------------------------------------------- */

static void
add_autostart (LampTrayPresenter *self)
{
  g_autofree char *folder = NULL;
  g_autoptr (GAction) action = NULL;

  /* The agent asks the desktop. */
  if (lamp_background_is_needed ())
    {
      action = g_settings_create_action (self->settings, "autostart");
    }
  else if (!lamp_autostart_is_supported ())
    {
      action = G_ACTION (
        g_simple_action_new_stateful ("autostart", NULL, g_variant_new_boolean (FALSE)));
      g_simple_action_set_enabled (G_SIMPLE_ACTION (action), FALSE);
    }
  else
    {
      folder = g_build_filename (g_get_user_config_dir (), "autostart", NULL);
      self->autostart = lamp_autostart_new (self->settings, folder, LAMP_BIN_DIR "/lamppost-agent");
      action = g_settings_create_action (self->settings, "autostart");
    }

  g_action_map_add_action (G_ACTION_MAP (self->actions), action);
}

/* --- the object --------------------------------------------------------- */

static void
lamp_tray_presenter_dispose (GObject *object)
{
  LampTrayPresenter *self = LAMP_TRAY_PRESENTER (object);

  g_clear_weak_pointer (&self->application);
  g_clear_object (&self->tray);
  g_clear_object (&self->autostart);
  g_clear_object (&self->menu);
  g_clear_object (&self->actions);
  g_clear_object (&self->debounce);
  g_clear_object (&self->timer);
  g_clear_object (&self->queue);
  g_clear_object (&self->replay);
  g_clear_object (&self->settings);

  G_OBJECT_CLASS (lamp_tray_presenter_parent_class)->dispose (object);
}

static void
lamp_tray_presenter_class_init (LampTrayPresenterClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  object_class->dispose = lamp_tray_presenter_dispose;

  signals[STATUS_CHANGED] = g_signal_new ("status-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                          NULL, G_TYPE_NONE, 0);
  signals[PAUSE] = g_signal_new ("pause", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                 1, G_TYPE_BOOLEAN);
  signals[QUIT] = g_signal_new ("quit", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                0);
}

static void
lamp_tray_presenter_init (LampTrayPresenter *self)
{
  self->stale = TRUE;
}

static void
connect_parts (LampTrayPresenter *self)
{
  g_signal_connect_object (self->debounce, "snapshot", G_CALLBACK (snapshot_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->queue, "failed", G_CALLBACK (set_stale), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->queue, "rewritten", G_CALLBACK (set_stale), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->settings, "changed::show-count", G_CALLBACK (show_count_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->tray, "notify::status", G_CALLBACK (status_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->tray, "activate", G_CALLBACK (activate_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->tray, "secondary-activate", G_CALLBACK (replay_now), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->tray, "opened", G_CALLBACK (opened_cb), self, G_CONNECT_SWAPPED);
}

LampTrayPresenter *
lamp_tray_presenter_new (GApplication *application,
                         LampQueue    *queue,
                         LampReplay   *replay,
                         GSettings    *settings,
                         LampDebounce *debounce,
                         LampTimer    *timer)
{
  LampTrayPresenter *self = NULL;

  g_return_val_if_fail (G_IS_APPLICATION (application), NULL);
  g_return_val_if_fail (lamp_debounce_get (debounce) != NULL, NULL);

  self = g_object_new (LAMP_TYPE_TRAY_PRESENTER, NULL);
  g_set_weak_pointer (&self->application, application);
  self->queue = g_object_ref (queue);
  self->replay = g_object_ref (replay);
  self->settings = g_object_ref (settings);
  self->timer = g_object_ref (timer);
  self->debounce = g_object_ref (debounce);
  self->menu = lamp_tray_menu_new ();
  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries),
                                   self);
  add_autostart (self);
  self->tray = lamp_tray_new (lamp_tray_menu_get_model (self->menu), G_ACTION_GROUP (self->actions),
                              timer);
  connect_parts (self);
  snapshot_cb (self, lamp_debounce_get (debounce));
  lamp_tray_start (self->tray);

  return self;
}

const char *
lamp_tray_presenter_get_status (LampTrayPresenter *self)
{
  g_return_val_if_fail (LAMP_IS_TRAY_PRESENTER (self), NULL);

  return lamp_tray_get_status (self->tray);
}
