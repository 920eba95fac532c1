/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-menu-tree.h"

G_BEGIN_DECLS

/**
 * LampMenuHosts:
 *
 * What each host has read of a menu. Plasma reads a submenu when it is opened for the first time
 * and never again, whatever signals come, unless it is told to when it asks. A host is forgotten
 * when it leaves the bus.
 */
typedef struct _LampMenuHosts LampMenuHosts;

LampMenuHosts *lamp_menu_hosts_new      (void);

void             lamp_menu_hosts_free     (LampMenuHosts       *self);

/* Forgets all hosts. */
void             lamp_menu_hosts_clear    (LampMenuHosts       *self);

/**
 * lamp_menu_hosts_add:
 * @invocation: the call with which a host reads
 * @tree: the menu
 * @item: what it reads
 * @depth: how many levels below @item; all if negative
 * @revision: the layout's revision
 *
 * Notes that a host reads the items below @item.
 */
void             lamp_menu_hosts_add      (LampMenuHosts       *self,
                                             GDBusMethodInvocation *invocation,
                                             LampMenuTree          *tree,
                                             LampMenuItem          *item,
                                             int                    depth,
                                             guint32                revision);

/**
 * lamp_menu_hosts_is_behind:
 * @invocation: a host's call
 * @item: an item
 *
 * Returns: whether the host has read the items below @item, and they are others now
 */
gboolean         lamp_menu_hosts_is_behind (LampMenuHosts       *self,
                                              GDBusMethodInvocation *invocation,
                                              LampMenuItem          *item);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampMenuHosts, lamp_menu_hosts_free)

G_END_DECLS
