/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-timer-dummy.h"

/* Not 0: a time that was never set must not pass for one that was. */
#define BEGINNING (1000 * (gint64) G_USEC_PER_SEC)

typedef struct
{
  guint id;
  gint64 due;
  LampTimerFunc func;
  gpointer user_data;
} Alarm;

struct _LampTimerDummy
{
  GObject parent_instance;

  GArray *alarms; /* (owned) of Alarm, by the time they were set */
  gint64 now;
  guint last_id;
};

static void lamp_timer_dummy_iface_init (LampTimerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LampTimerDummy,
                               lamp_timer_dummy,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LAMP_TYPE_TIMER, lamp_timer_dummy_iface_init))

/* The alarm that is due first, of several the one that was set first; -1 if there is none. */
static int
find_next (LampTimerDummy *self)
{
  int next = -1;

  for (guint i = 0; i < self->alarms->len; i++)
    if (next < 0 ||
        g_array_index (self->alarms, Alarm, i).due < g_array_index (self->alarms, Alarm, next).due)
      next = (int) i;

  return next;
}

static void
call (LampTimerDummy *self,
      guint           index)
{
  Alarm alarm = g_array_index (self->alarms, Alarm, index);

  g_array_remove_index (self->alarms, index);
  self->now = MAX (self->now, alarm.due);
  alarm.func (alarm.user_data);
}

static gint64
lamp_timer_dummy_get_time (LampTimer *timer)
{
  return LAMP_TIMER_DUMMY (timer)->now;
}

static guint
lamp_timer_dummy_set_alarm (LampTimer    *timer,
                            gint64        due,
                            LampTimerFunc func,
                            gpointer      user_data)
{
  LampTimerDummy *self = LAMP_TIMER_DUMMY (timer);
  Alarm alarm = { ++self->last_id, due, func, user_data };

  g_array_append_val (self->alarms, alarm);

  return alarm.id;
}

static void
lamp_timer_dummy_remove_alarm (LampTimer *timer,
                               guint      id)
{
  LampTimerDummy *self = LAMP_TIMER_DUMMY (timer);

  for (guint i = 0; i < self->alarms->len; i++)
    if (g_array_index (self->alarms, Alarm, i).id == id)
      {
        g_array_remove_index (self->alarms, i);
        return;
      }

  g_error ("There is no alarm %u: it was called or removed before", id);
}

static void
lamp_timer_dummy_iface_init (LampTimerInterface *iface)
{
  iface->get_time = lamp_timer_dummy_get_time;
  iface->set_alarm = lamp_timer_dummy_set_alarm;
  iface->remove_alarm = lamp_timer_dummy_remove_alarm;
}

static void
lamp_timer_dummy_finalize (GObject *object)
{
  g_array_unref (LAMP_TIMER_DUMMY (object)->alarms);

  G_OBJECT_CLASS (lamp_timer_dummy_parent_class)->finalize (object);
}

static void
lamp_timer_dummy_class_init (LampTimerDummyClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lamp_timer_dummy_finalize;
}

static void
lamp_timer_dummy_init (LampTimerDummy *self)
{
  self->alarms = g_array_new (FALSE, FALSE, sizeof (Alarm));
  self->now = BEGINNING;
}

LampTimerDummy *
lamp_timer_dummy_new (void)
{
  return g_object_new (LAMP_TYPE_TIMER_DUMMY, NULL);
}

void
lamp_timer_dummy_advance (LampTimerDummy *self,
                          gint64          delay)
{
  gint64 end = self->now + delay;
  int next;

  while ((next = find_next (self)) >= 0 && g_array_index (self->alarms, Alarm, next).due <= end)
    call (self, (guint) next);

  self->now = end;
}

void
lamp_timer_dummy_sleep (LampTimerDummy *self,
                        gint64          delay)
{
  self->now += delay;
  lamp_timer_dummy_advance (self, 0);
}

void
lamp_timer_dummy_next_alarm (LampTimerDummy *self)
{
  int next = find_next (self);

  g_assert_cmpint (next, >=, 0);
  call (self, (guint) next);
}

gint64
lamp_timer_dummy_get_delay (LampTimerDummy *self)
{
  int next = find_next (self);

  return next >= 0 ? MAX (g_array_index (self->alarms, Alarm, next).due - self->now, 0) : -1;
}

guint
lamp_timer_dummy_get_n_alarms (LampTimerDummy *self)
{
  return self->alarms->len;
}
