/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-notifier.h"

#include <glib/gi18n.h>
#include <inttypes.h>

#define SECOND ((gint64) G_USEC_PER_SEC)

/* A server that refuses one event after the other is told of as one. */
#define FAILED_INTERVAL (10 * SECOND)

/* A disk on the brink of being full lets some events pass. */
#define STORAGE_INTERVAL (600 * SECOND)

#define STALLED_INTERVAL (24 * 3600 * SECOND)

/* Kept with the settings, which are there before the queue can be opened: a restart is no reason to
 * be told again. Unix seconds. */
#define STALLED_KEY "stalled-notified"

/* What is told of, each at most once at a time. */
typedef enum
{
  TOPIC_FAILED,
  TOPIC_SIGN_IN,
  TOPIC_STALLED,
  TOPIC_STORAGE,
  N_TOPICS,
} Topic;

static const char *const topic_ids[N_TOPICS] = {
  [TOPIC_FAILED] = "failed",
  [TOPIC_SIGN_IN] = "sign-in",
  [TOPIC_STALLED] = "stalled",
  [TOPIC_STORAGE] = "storage",
};

struct _LampNotifier
{
  GObject parent_instance;

  GApplication *application; /* (unowned) */
  GSettings *settings;       /* (owned) */
  LampTimer *timer;          /* (owned) */
  LampSnapshot *snapshot;    /* (owned) (nullable) the last one */
  char *storage_problem;     /* (owned) (nullable) */
  gboolean shown[N_TOPICS];
  gint64 shown_at[N_TOPICS]; /* as of the timer, 0 for never */
  gint64 delivery;           /* the last one when the server wanted another token */
  guint failed_id;           /* alarm: more have failed than were told of; or 0 */
  guint stalled_id;          /* alarm: a day has passed; or 0 */
};

G_DEFINE_FINAL_TYPE (LampNotifier, lamp_notifier, G_TYPE_OBJECT)

enum
{
  RESEND,
  REPLAY,
  SHOW,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static const char *const action_names[N_SIGNALS] = {
  [RESEND] = "resend",
  [REPLAY] = "replay",
  [SHOW] = "show",
};

static gboolean
may_notify (LampNotifier *self)
{
  return g_application_get_is_registered (self->application) &&
         g_settings_get_boolean (self->settings, "notify");
}

static void
withdraw (LampNotifier *self,
          Topic         topic)
{
  if (!self->shown[topic])
    return;

  self->shown[topic] = FALSE;
  g_application_withdraw_notification (self->application, topic_ids[topic]);
}

/* One that is shown still is replaced. */
static void
notify (LampNotifier  *self,
        Topic          topic,
        GNotification *notification)
{
  g_notification_set_default_action (notification, "app.show");
  g_application_send_notification (self->application, topic_ids[topic], notification);
  self->shown[topic] = TRUE;
  self->shown_at[topic] = lamp_timer_get_time (self->timer);
}

static gboolean
was_shown_within (LampNotifier *self,
                  Topic         topic,
                  gint64        interval)
{
  return self->shown_at[topic] != 0 &&
         lamp_timer_get_time (self->timer) < self->shown_at[topic] + interval;
}

/* --- events failed ------------------------------------------------------ */

static void
notify_of_failed (LampNotifier *self)
{
  guint64 failed = self->snapshot->tally.failed;
  g_autofree char *title = g_strdup_printf (ngettext ("%" PRIu64 " event was not taken",
                                                      "%" PRIu64 " events were not taken", failed),
                                            failed);
  g_autoptr (GNotification) notification = g_notification_new (title);

  g_notification_set_body (notification,
                           _("The server refuses what has failed. Nothing is lost: look at the "
                             "reason, and send it again."));
  g_notification_add_button (notification, _("Resend"), "app.resend");
  g_notification_add_button (notification, _("Show"), "app.show");
  notify (self, TOPIC_FAILED, notification);
}

static void
failed_cb (gpointer user_data)
{
  LampNotifier *self = user_data;

  self->failed_id = 0;
  if (may_notify (self) && self->snapshot->tally.failed > 0)
    notify_of_failed (self);
}

static void
check_failed (LampNotifier *self,
              guint64       before)
{
  guint64 failed = self->snapshot->tally.failed;

  if (failed == 0)
    {
      lamp_timer_clear_alarm (self->timer, &self->failed_id);
      withdraw (self, TOPIC_FAILED);
    }
  else if (failed > before && self->failed_id == 0)
    {
      if (was_shown_within (self, TOPIC_FAILED, FAILED_INTERVAL))
        self->failed_id = lamp_timer_set_alarm (self->timer,
                                                self->shown_at[TOPIC_FAILED] + FAILED_INTERVAL,
                                                failed_cb, self);
      else
        notify_of_failed (self);
    }
}

/* --- sign-in needed ----------------------------------------------------- */

static void
notify_of_sign_in (LampNotifier *self)
{
  g_autoptr (GNotification) notification = g_notification_new (_("Signing in is needed"));

  g_notification_set_body (notification, _("The server doesn’t take the token. Events are kept "
                                           "until you have signed in with another one."));
  g_notification_add_button (notification, _("Sign In…"), "app.show");
  notify (self, TOPIC_SIGN_IN, notification);
}

/* A try with the old token, every 15 minutes, is not the end of it. */
static void
check_sign_in (LampNotifier *self)
{
  const LampSnapshot *snapshot = self->snapshot;

  if (snapshot->state == LAMP_STATE_UNAUTHORIZED && !self->shown[TOPIC_SIGN_IN])
    {
      self->delivery = snapshot->tally.last_delivery;
      notify_of_sign_in (self);
    }
  else if (snapshot->state == LAMP_STATE_IDLE || snapshot->state == LAMP_STATE_UNCONFIGURED ||
           snapshot->tally.last_delivery > self->delivery)
    {
      withdraw (self, TOPIC_SIGN_IN);
    }
}

/* --- queue stalled ------------------------------------------------------ */

static void
notify_of_stalled (LampNotifier *self)
{
  guint64 pending = self->snapshot->tally.pending;
  guint hours = g_settings_get_uint (self->settings, "stalled-after-hours");
  g_autofree char *title = g_strdup_printf (ngettext ("%" PRIu64 " event is still waiting",
                                                      "%" PRIu64 " events are still waiting",
                                                      pending),
                                            pending);
  g_autofree char *body = g_strdup_printf (ngettext ("The oldest has waited for more than %u hour "
                                                     "to be sent.",
                                                     "The oldest has waited for more than %u hours "
                                                     "to be sent.",
                                                     hours),
                                           hours);
  g_autoptr (GNotification) notification = g_notification_new (title);

  g_notification_set_body (notification, body);
  g_notification_add_button (notification, _("Replay Now"), "app.replay");
  g_notification_add_button (notification, _("Show"), "app.show");
  notify (self, TOPIC_STALLED, notification);
}

/* How long until it may be told again, µs. A time to come is one of a clock that was wrong. */
static gint64
get_stalled_wait (LampNotifier *self)
{
  gint64 passed = g_get_real_time () - g_settings_get_int64 (self->settings, STALLED_KEY) * SECOND;

  return passed < 0 ? 0 : MAX (STALLED_INTERVAL - passed, 0);
}

static void check_stalled (LampNotifier *self);

static void
stalled_cb (gpointer user_data)
{
  LampNotifier *self = user_data;

  self->stalled_id = 0;
  if (may_notify (self))
    check_stalled (self);
}

static void
check_stalled (LampNotifier *self)
{
  gint64 wait = get_stalled_wait (self);

  if (!self->snapshot->stalled)
    {
      lamp_timer_clear_alarm (self->timer, &self->stalled_id);
      withdraw (self, TOPIC_STALLED);
      return;
    }

  if (self->stalled_id != 0)
    return;

  if (wait == 0)
    {
      notify_of_stalled (self);
      g_settings_set_int64 (self->settings, STALLED_KEY, g_get_real_time () / SECOND);
      wait = STALLED_INTERVAL;
    }

  self->stalled_id = lamp_timer_set_alarm (self->timer, lamp_timer_get_time (self->timer) + wait,
                                           stalled_cb, self);
}

/* --- no event can be stored --------------------------------------------- */

static void
check_storage (LampNotifier *self)
{
  g_autoptr (GNotification) notification = NULL;

  if (self->storage_problem == NULL)
    {
      withdraw (self, TOPIC_STORAGE);
      return;
    }

  if (self->shown[TOPIC_STORAGE] || was_shown_within (self, TOPIC_STORAGE, STORAGE_INTERVAL))
    return;

  notification = g_notification_new (_("Events can’t be stored"));
  g_notification_set_body (notification, self->storage_problem);
  g_notification_set_priority (notification, G_NOTIFICATION_PRIORITY_HIGH);
  g_notification_add_button (notification, _("Show"), "app.show");
  notify (self, TOPIC_STORAGE, notification);
}

/* --- from outside ------------------------------------------------------- */

/* Whatever is so still when it is switched on again is told then, but failures, which are old. */
static void
notify_changed_cb (LampNotifier *self)
{
  if (!may_notify (self))
    {
      for (guint topic = 0; topic < N_TOPICS; topic++)
        withdraw (self, topic);
    }
  else if (self->snapshot != NULL)
    {
      check_sign_in (self);
      check_stalled (self);
      check_storage (self);
    }
}

void
lamp_notifier_take_snapshot (LampNotifier *self,
                             LampSnapshot *snapshot)
{
  guint64 before;

  g_return_if_fail (LAMP_IS_NOTIFIER (self));
  g_return_if_fail (snapshot != NULL);

  before = self->snapshot != NULL ? self->snapshot->tally.failed : snapshot->tally.failed;
  lamp_snapshot_ref (snapshot);
  g_clear_pointer (&self->snapshot, lamp_snapshot_unref);
  self->snapshot = snapshot;
  if (!may_notify (self))
    return;

  check_failed (self, before);
  check_sign_in (self);
  check_stalled (self);
  check_storage (self);
}

void
lamp_notifier_set_storage_problem (LampNotifier *self,
                                   const char   *problem)
{
  g_return_if_fail (LAMP_IS_NOTIFIER (self));

  if (g_strcmp0 (self->storage_problem, problem) == 0)
    return;

  g_free (self->storage_problem);
  self->storage_problem = g_strdup (problem);
  if (may_notify (self))
    check_storage (self);
}

/* --- the object --------------------------------------------------------- */

static void
action_cb (GSimpleAction *action,
           GVariant      *parameter,
           gpointer       user_data)
{
  const char *name = g_action_get_name (G_ACTION (action));

  for (guint i = 0; i < N_SIGNALS; i++)
    if (g_str_equal (name, action_names[i]))
      g_signal_emit (user_data, signals[i], 0);
}

static void
add_actions (LampNotifier *self)
{
  for (guint i = 0; i < N_SIGNALS; i++)
    {
      g_autoptr (GSimpleAction) action = g_simple_action_new (action_names[i], NULL);

      g_signal_connect_object (action, "activate", G_CALLBACK (action_cb), self, 0);
      g_action_map_add_action (G_ACTION_MAP (self->application), G_ACTION (action));
    }
}

static void
lamp_notifier_dispose (GObject *object)
{
  LampNotifier *self = LAMP_NOTIFIER (object);

  if (self->timer != NULL)
    {
      lamp_timer_clear_alarm (self->timer, &self->failed_id);
      lamp_timer_clear_alarm (self->timer, &self->stalled_id);
    }

  g_clear_object (&self->timer);
  g_clear_object (&self->settings);
  g_clear_pointer (&self->snapshot, lamp_snapshot_unref);

  G_OBJECT_CLASS (lamp_notifier_parent_class)->dispose (object);
}

static void
lamp_notifier_finalize (GObject *object)
{
  g_free (LAMP_NOTIFIER (object)->storage_problem);

  G_OBJECT_CLASS (lamp_notifier_parent_class)->finalize (object);
}

static void
lamp_notifier_class_init (LampNotifierClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_notifier_dispose;
  object_class->finalize = lamp_notifier_finalize;

  for (guint i = 0; i < N_SIGNALS; i++)
    signals[i] = g_signal_new (action_names[i], G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0,
                               NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
lamp_notifier_init (LampNotifier *self)
{
}

LampNotifier *
lamp_notifier_new (GApplication *application,
                   GSettings    *settings,
                   LampTimer    *timer)
{
  LampNotifier *self = NULL;

  g_return_val_if_fail (G_IS_APPLICATION (application), NULL);
  g_return_val_if_fail (G_IS_SETTINGS (settings), NULL);
  g_return_val_if_fail (LAMP_IS_TIMER (timer), NULL);

  self = g_object_new (LAMP_TYPE_NOTIFIER, NULL);
  self->application = application;
  self->settings = g_object_ref (settings);
  self->timer = g_object_ref (timer);
  g_signal_connect_object (settings, "changed::notify", G_CALLBACK (notify_changed_cb), self,
                           G_CONNECT_SWAPPED);
  add_actions (self);

  return self;
}
