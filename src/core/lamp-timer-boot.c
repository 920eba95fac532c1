/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-timer-boot.h"

#include "lamp-boot-clock.h"

struct _LampTimerBoot
{
  GObject parent_instance;

  GHashTable *alarms; /* (owned) id → Alarm */
  guint last_id;
};

typedef struct
{
  LampTimerBoot *timer; /* owns it */
  guint id;
  LampTimerFunc func;
  gpointer user_data;
  GSource *source; /* (owned) */
} Alarm;

static void lamp_timer_boot_iface_init (LampTimerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LampTimerBoot,
                               lamp_timer_boot,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LAMP_TYPE_TIMER, lamp_timer_boot_iface_init))

static void
alarm_free (gpointer data)
{
  Alarm *alarm = data;

  g_source_destroy (alarm->source);
  g_source_unref (alarm->source);
  g_free (alarm);
}

static gboolean
alarm_cb (gpointer user_data)
{
  Alarm *alarm = user_data;
  LampTimerFunc func = alarm->func;
  gpointer data = alarm->user_data;

  g_hash_table_remove (alarm->timer->alarms, GUINT_TO_POINTER (alarm->id));
  func (data);

  return G_SOURCE_REMOVE;
}

static gint64
lamp_timer_boot_get_time (LampTimer *timer)
{
  return lamp_boot_clock_get_time ();
}

static guint
lamp_timer_boot_set_alarm (LampTimer    *timer,
                           gint64        due,
                           LampTimerFunc func,
                           gpointer      user_data)
{
  LampTimerBoot *self = LAMP_TIMER_BOOT (timer);
  Alarm *alarm = g_new0 (Alarm, 1);

  alarm->timer = self;
  alarm->id = ++self->last_id;
  alarm->func = func;
  alarm->user_data = user_data;
  alarm->source = lamp_boot_clock_source_new (due);
  g_source_set_static_name (alarm->source, "lamp-timer alarm");
  g_source_set_callback (alarm->source, alarm_cb, alarm, NULL);
  g_source_attach (alarm->source, g_main_context_get_thread_default ());
  g_hash_table_insert (self->alarms, GUINT_TO_POINTER (alarm->id), alarm);

  return alarm->id;
}

static void
lamp_timer_boot_remove_alarm (LampTimer *timer,
                              guint      id)
{
  g_hash_table_remove (LAMP_TIMER_BOOT (timer)->alarms, GUINT_TO_POINTER (id));
}

static void
lamp_timer_boot_iface_init (LampTimerInterface *iface)
{
  iface->get_time = lamp_timer_boot_get_time;
  iface->set_alarm = lamp_timer_boot_set_alarm;
  iface->remove_alarm = lamp_timer_boot_remove_alarm;
}

static void
lamp_timer_boot_finalize (GObject *object)
{
  g_hash_table_unref (LAMP_TIMER_BOOT (object)->alarms);

  G_OBJECT_CLASS (lamp_timer_boot_parent_class)->finalize (object);
}

static void
lamp_timer_boot_class_init (LampTimerBootClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lamp_timer_boot_finalize;
}

static void
lamp_timer_boot_init (LampTimerBoot *self)
{
  self->alarms = g_hash_table_new_full (NULL, NULL, NULL, alarm_free);
}

LampTimer *
lamp_timer_boot_new (void)
{
  return g_object_new (LAMP_TYPE_TIMER_BOOT, NULL);
}
