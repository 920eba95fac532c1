/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-tray-state.h"
#include "lamp-timer.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TRAY (lamp_tray_get_type ())

/**
 * LampTray:
 *
 * An icon with a menu in the desktop's tray. The program hands over states and
 * never asks which tray there is: back ends do what the desktop understands, and
 * the last of them, which shows nothing, always fits. Hosts may come, go and
 * come back.
 *
 * Properties:
 *   "available" (boolean): whether a host has the icon.
 *   "status" (string): where the icon is, or why it is nowhere and what can be
 *     done, for a person.
 *
 * Signals:
 *   "activate" (char *token): the icon was clicked. @token is the activation token that lets a
 *     window come to the front, or %NULL.
 *   "secondary-activate" (): it was clicked with the middle button.
 *   "opened" (): the menu is about to be shown.
 */
G_DECLARE_DERIVABLE_TYPE (LampTray, lamp_tray, LAMP, TRAY, GObject)

/**
 * LampTrayClass:
 * @start: shows the icon; called once
 * @set_state: shows another state; it differs from the one before
 * @take_token: (nullable): see lamp_tray_take_token()
 */
struct _LampTrayClass
{
  GObjectClass parent_class;

  void (*start)     (LampTray            *self);
  void (*set_state) (LampTray            *self,
                     const LampTrayState *state);
  char *(*take_token) (LampTray          *self);
};

/**
 * lamp_tray_new:
 * @menu: the icon's menu
 * @actions: what its items do
 * @timer: the time
 *
 * Picks the best back end for this desktop, or the one that the environment
 * variable LAMPPOST_TRAY names ("sni", "null"; "off" is the same as "null").
 *
 * Returns: (transfer full): a tray that shows nothing yet
 */
LampTray            *lamp_tray_new           (GMenuModel          *menu,
                                              GActionGroup        *actions,
                                              LampTimer           *timer);

/**
 * lamp_tray_start:
 *
 * Shows the icon as soon as the desktop can. To be called after the first
 * lamp_tray_set_state().
 */
void                 lamp_tray_start         (LampTray            *self);

/**
 * lamp_tray_set_state:
 * @state: what to show from now on
 *
 * May be called at any rate; hosts are told at a bearable one, and of the last
 * state for certain.
 */
void                 lamp_tray_set_state     (LampTray            *self,
                                              const LampTrayState *state);

/**
 * lamp_tray_take_token:
 *
 * To be called by an action of the menu that opens a window.
 *
 * Returns: (transfer full) (nullable): the activation token that came with the choice in the menu
 *   and lets a window come to the front, for one use; %NULL if there is none
 */
char                *lamp_tray_take_token    (LampTray            *self);

gboolean             lamp_tray_get_available (LampTray            *self);

/**
 * lamp_tray_get_status:
 *
 * Returns: (transfer none): the property "status"
 */
const char          *lamp_tray_get_status    (LampTray            *self);

/* For back ends. */

GMenuModel          *lamp_tray_get_menu      (LampTray            *self);

GActionGroup        *lamp_tray_get_actions   (LampTray            *self);

LampTimer           *lamp_tray_get_timer     (LampTray            *self);

/**
 * lamp_tray_get_state:
 *
 * Returns: (transfer none) (nullable): what is to be shown
 */
const LampTrayState *lamp_tray_get_state     (LampTray            *self);

/**
 * lamp_tray_set_available:
 * @status: (nullable): the new status, %NULL if it stays
 */
void                 lamp_tray_set_available (LampTray            *self,
                                              gboolean             available,
                                              const char          *status);

void                 lamp_tray_activate      (LampTray            *self,
                                              const char          *token);

void                 lamp_tray_secondary_activate (LampTray       *self);

void                 lamp_tray_opened        (LampTray            *self);

/**
 * lamp_tray_log:
 *
 * Logs what hosts and the tray say to each other; to be seen with the environment
 * variable LAMPPOST_TRAY_DEBUG=1.
 */
void                 lamp_tray_log           (const char          *format,
                                              ...) G_GNUC_PRINTF (1, 2);

G_END_DECLS
