/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * LampTrayState:
 * @icon: which icon of the family: "online", "sending", "offline", "paused", "attention"
 * @attention: whether the icon asks for attention
 * @notice: whether the menu holds something to look at: events that failed
 * @title: the first line of the tooltip
 * @text: the rest of it, lines
 * @label: a few characters beside the icon, where the host can show them; may be empty
 * @accessible: what icon and label show, for a screen reader
 *
 * All that a tray icon shows at one moment, but for its menu. Plain text all of it: what a host
 * could misread is taken out by the back ends.
 */
typedef struct
{
  const char *icon;
  gboolean attention;
  gboolean notice;
  const char *title;
  const char *text;
  const char *label;
  const char *accessible;
} LampTrayState;

/**
 * lamp_tray_state_copy:
 *
 * Returns: (transfer full): a copy, with strings of its own, for lamp_tray_state_free()
 */
LampTrayState *lamp_tray_state_copy  (const LampTrayState *self);

void           lamp_tray_state_free  (LampTrayState       *self);

gboolean       lamp_tray_state_equal (const LampTrayState *a,
                                      const LampTrayState *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampTrayState, lamp_tray_state_free)

G_END_DECLS
