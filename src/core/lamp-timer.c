/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-timer.h"

G_DEFINE_INTERFACE (LampTimer, lamp_timer, G_TYPE_OBJECT)

static void
lamp_timer_default_init (LampTimerInterface *iface)
{
}

gint64
lamp_timer_get_time (LampTimer *self)
{
  g_return_val_if_fail (LAMP_IS_TIMER (self), 0);

  return LAMP_TIMER_GET_IFACE (self)->get_time (self);
}

guint
lamp_timer_set_alarm (LampTimer    *self,
                      gint64        due,
                      LampTimerFunc func,
                      gpointer      user_data)
{
  g_return_val_if_fail (LAMP_IS_TIMER (self), 0);
  g_return_val_if_fail (func != NULL, 0);

  return LAMP_TIMER_GET_IFACE (self)->set_alarm (self, due, func, user_data);
}

void
lamp_timer_remove_alarm (LampTimer *self,
                         guint      id)
{
  g_return_if_fail (LAMP_IS_TIMER (self));
  g_return_if_fail (id != 0);

  LAMP_TIMER_GET_IFACE (self)->remove_alarm (self, id);
}

void
lamp_timer_clear_alarm (LampTimer *self,
                        guint     *id)
{
  g_return_if_fail (id != NULL);

  if (*id != 0)
    lamp_timer_remove_alarm (self, *id);
  *id = 0;
}
