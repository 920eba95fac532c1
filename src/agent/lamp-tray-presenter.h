/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-debounce.h"
#include "lamp-queue.h"
#include "lamp-replay.h"
#include "lamp-timer.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TRAY_PRESENTER (lamp_tray_presenter_get_type ())

/**
 * LampTrayPresenter:
 *
 * Puts the agent into the tray: makes icon, words and menu of its snapshots, and does what is
 * clicked.
 *
 * Signals:
 *   "status-changed" (): lamp_tray_presenter_get_status() tells something else.
 *   "pause" (gboolean paused): somebody wants replay held back, or no longer.
 *   "quit" (): somebody wants the agent to end.
 */
G_DECLARE_FINAL_TYPE (LampTrayPresenter, lamp_tray_presenter, LAMP, TRAY_PRESENTER, GObject)

/**
 * lamp_tray_presenter_new:
 * @application: through which notifications go; not kept
 * @debounce: where the snapshots come from; it has one already
 *
 * Shows the icon.
 */
LampTrayPresenter *lamp_tray_presenter_new        (GApplication      *application,
                                                   LampQueue         *queue,
                                                   LampReplay        *replay,
                                                   GSettings         *settings,
                                                   LampDebounce      *debounce,
                                                   LampTimer         *timer);

/**
 * lamp_tray_presenter_get_status:
 *
 * Returns: (transfer none): where the icon is, or why it is nowhere, for a person
 */
const char        *lamp_tray_presenter_get_status (LampTrayPresenter *self);

G_END_DECLS
