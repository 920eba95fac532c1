/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-debounce.h"

#define MILLISECOND ((gint64) 1000)

/* How long a picture must last to be worth a look. */
#define STEADY (500 * MILLISECOND)

/* Numbers that change more often can't be read. */
#define NUMBERS_INTERVAL (250 * MILLISECOND)

/* States that never keep still, such as under a stream of events, must not hold up an old one. */
#define PATIENCE (2000 * MILLISECOND)

struct _LampDebounce
{
  GObject parent_instance;

  LampTimer *timer;      /* (owned) */
  LampSnapshot *shown;   /* (owned) (nullable) */
  LampSnapshot *latest;  /* (owned) (nullable) what was pushed last */
  gint64 shown_at;       /* as of the timer, as are the next two */
  gint64 pictured_at;    /* since when the picture is that of @latest */
  gint64 disagreeing_at; /* since when it is not that of @shown */
  guint alarm_id;        /* 0 while all is shown */
};

G_DEFINE_FINAL_TYPE (LampDebounce, lamp_debounce, G_TYPE_OBJECT)

enum
{
  SNAPSHOT,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static gboolean
is_same_picture (const LampSnapshot *a,
                 const LampSnapshot *b)
{
  return a->state == b->state && a->paused == b->paused &&
         lamp_snapshot_needs_attention (a) == lamp_snapshot_needs_attention (b);
}

static void
show (LampDebounce *self)
{
  g_clear_pointer (&self->shown, lamp_snapshot_unref);
  self->shown = lamp_snapshot_ref (self->latest);
  self->shown_at = lamp_timer_get_time (self->timer);
  g_signal_emit (self, signals[SNAPSHOT], 0, self->shown);
}

static void
alarm_cb (gpointer user_data)
{
  LampDebounce *self = user_data;

  self->alarm_id = 0;
  show (self);
}

/* When @latest may be shown. */
static gint64
get_due (LampDebounce *self)
{
  if (is_same_picture (self->shown, self->latest))
    return self->shown_at + NUMBERS_INTERVAL;

  return MIN (self->pictured_at + STEADY, self->disagreeing_at + PATIENCE);
}

static void
note_picture (LampDebounce *self,
              LampSnapshot *snapshot)
{
  gint64 now = lamp_timer_get_time (self->timer);

  if (!is_same_picture (self->latest, snapshot))
    self->pictured_at = now;
  if (is_same_picture (self->latest, self->shown))
    self->disagreeing_at = now;
}

void
lamp_debounce_push (LampDebounce *self,
                    LampSnapshot *snapshot)
{
  g_return_if_fail (LAMP_IS_DEBOUNCE (self));
  g_return_if_fail (snapshot != NULL);

  if (self->shown != NULL)
    note_picture (self, snapshot);

  lamp_snapshot_ref (snapshot);
  g_clear_pointer (&self->latest, lamp_snapshot_unref);
  self->latest = snapshot;

  lamp_timer_clear_alarm (self->timer, &self->alarm_id);
  if (self->shown == NULL)
    show (self);
  else if (lamp_snapshot_equal (self->shown, snapshot))
    return;
  else if (get_due (self) <= lamp_timer_get_time (self->timer))
    show (self);
  else
    self->alarm_id = lamp_timer_set_alarm (self->timer, get_due (self), alarm_cb, self);
}

LampSnapshot *
lamp_debounce_get (LampDebounce *self)
{
  g_return_val_if_fail (LAMP_IS_DEBOUNCE (self), NULL);

  return self->shown;
}

static void
lamp_debounce_dispose (GObject *object)
{
  LampDebounce *self = LAMP_DEBOUNCE (object);

  if (self->timer != NULL)
    lamp_timer_clear_alarm (self->timer, &self->alarm_id);
  g_clear_object (&self->timer);
  g_clear_pointer (&self->shown, lamp_snapshot_unref);
  g_clear_pointer (&self->latest, lamp_snapshot_unref);

  G_OBJECT_CLASS (lamp_debounce_parent_class)->dispose (object);
}

static void
lamp_debounce_class_init (LampDebounceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_debounce_dispose;

  signals[SNAPSHOT] = g_signal_new ("snapshot", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0,
                                    NULL, NULL, NULL, G_TYPE_NONE, 1, LAMP_TYPE_SNAPSHOT);
}

static void
lamp_debounce_init (LampDebounce *self)
{
}

LampDebounce *
lamp_debounce_new (LampTimer *timer)
{
  LampDebounce *self = NULL;

  g_return_val_if_fail (LAMP_IS_TIMER (timer), NULL);

  self = g_object_new (LAMP_TYPE_DEBOUNCE, NULL);
  self->timer = g_object_ref (timer);

  return self;
}
