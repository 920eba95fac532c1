/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray-null.h"

struct _LampTrayNull
{
  LampTray parent_instance;
};

G_DEFINE_FINAL_TYPE (LampTrayNull, lamp_tray_null, LAMP_TYPE_TRAY)

static void
lamp_tray_null_start (LampTray *tray)
{
}

static void
lamp_tray_null_set_state (LampTray            *tray,
                          const LampTrayState *state)
{
}

static void
lamp_tray_null_class_init (LampTrayNullClass *klass)
{
  LampTrayClass *tray_class = LAMP_TRAY_CLASS (klass);

  tray_class->start = lamp_tray_null_start;
  tray_class->set_state = lamp_tray_null_set_state;
}

static void
lamp_tray_null_init (LampTrayNull *self)
{
}

gboolean
lamp_tray_null_probe (GError **error)
{
  return TRUE;
}
