/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray-state.h"

LampTrayState *
lamp_tray_state_copy (const LampTrayState *self)
{
  LampTrayState *copy = g_new (LampTrayState, 1);

  *copy = (LampTrayState){
    .icon = g_strdup (self->icon),
    .attention = self->attention,
    .notice = self->notice,
    .title = g_strdup (self->title),
    .text = g_strdup (self->text),
    .label = g_strdup (self->label),
    .accessible = g_strdup (self->accessible),
  };

  return copy;
}

void
lamp_tray_state_free (LampTrayState *self)
{
  g_free ((char *) self->icon);
  g_free ((char *) self->title);
  g_free ((char *) self->text);
  g_free ((char *) self->label);
  g_free ((char *) self->accessible);
  g_free (self);
}

gboolean
lamp_tray_state_equal (const LampTrayState *a,
                       const LampTrayState *b)
{
  return a->attention == b->attention && a->notice == b->notice && g_str_equal (a->icon, b->icon) &&
         g_str_equal (a->title, b->title) && g_str_equal (a->text, b->text) &&
         g_str_equal (a->label, b->label) && g_str_equal (a->accessible, b->accessible);
}
