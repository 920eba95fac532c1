/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-menu-exporter.h"
#include "lamp-menu-host.h"

G_BEGIN_DECLS

#define LAMP_MENU_PATH "/StatusNotifierItem/Menu"
#define LAMP_MENU_INTERFACE "com.canonical.dbusmenu"

/**
 * LampMenuFixture:
 * @server: has the menu
 * @client: a host's connection
 * @menu: an empty menu
 * @actions: no actions
 * @exporter: of both, not exported yet
 * @signals: (element-type char *): what the client has heard of the menu, as text
 * @opened: how often the menu was opened
 *
 * A menu on a bus of its own, and somebody who listens to it.
 */
typedef struct
{
  GTestDBus *bus;
  GDBusConnection *server;
  GDBusConnection *client;
  GMenu *menu;
  GSimpleActionGroup *actions;
  LampMenuExporter *exporter;
  guint subscription;
  GPtrArray *signals;
  guint opened;
} LampMenuFixture;

void             lamp_menu_fixture_up       (LampMenuFixture    *self,
                                             gconstpointer       data);

void             lamp_menu_fixture_down     (LampMenuFixture    *self,
                                             gconstpointer       data);

void             lamp_menu_fixture_export   (LampMenuFixture    *self);

/* Returns: (transfer full): one more connection to the bus */
GDBusConnection *lamp_menu_fixture_connect  (LampMenuFixture    *self);

LampMenuHost    *lamp_menu_fixture_host_new (LampMenuFixture    *self,
                                             LampMenuHostStyle   style);

/* Calls a method of the menu and waits for the answer. */
GVariant        *lamp_menu_fixture_call     (LampMenuFixture    *self,
                                             const char         *method,
                                             GVariant           *parameters,
                                             GError            **error);

/* Waits until the client has heard everything that there is to hear, and returns it, one signal a
 * line: it is then forgotten. */
char            *lamp_menu_fixture_listen   (LampMenuFixture    *self);

/* Waits likewise, and forgets it. */
void             lamp_menu_fixture_settle   (LampMenuFixture    *self);

void             lamp_menu_fixture_add      (LampMenuFixture    *self,
                                             GAction            *action);

G_END_DECLS
