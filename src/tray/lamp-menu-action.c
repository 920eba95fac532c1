/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-action.h"

#include <string.h>

static const char *
find_name (GActionGroup *group,
           const char   *name)
{
  const char *dot;

  if (name == NULL || g_action_group_has_action (group, name))
    return name;

  dot = strchr (name, '.');

  return dot != NULL && g_action_group_has_action (group, dot + 1) ? dot + 1 : NULL;
}

static gboolean
takes (const GVariantType *parameter_type,
       GVariant           *target)
{
  if (parameter_type == NULL || target == NULL)
    return parameter_type == NULL && target == NULL;

  return g_variant_is_of_type (target, parameter_type);
}

static LampMenuToggle
get_toggle (GVariant *state,
            GVariant *target)
{
  if (state == NULL)
    return LAMP_MENU_TOGGLE_NONE;

  if (target != NULL)
    return g_variant_is_of_type (state, g_variant_get_type (target)) ? LAMP_MENU_TOGGLE_RADIO
                                                                     : LAMP_MENU_TOGGLE_NONE;

  return g_variant_is_of_type (state, G_VARIANT_TYPE_BOOLEAN) ? LAMP_MENU_TOGGLE_CHECK
                                                              : LAMP_MENU_TOGGLE_NONE;
}

LampMenuAction
lamp_menu_action_query (GActionGroup *group,
                        const char   *name,
                        GVariant     *target)
{
  LampMenuAction action = { .name = find_name (group, name) };
  const GVariantType *parameter_type = NULL;
  g_autoptr (GVariant) state = NULL;

  if (action.name == NULL)
    return action;

  if (!g_action_group_query_action (group, action.name, &action.enabled, &parameter_type, NULL,
                                    NULL, &state) ||
      !takes (parameter_type, target))
    return (LampMenuAction){ 0 };

  action.toggle = get_toggle (state, target);
  if (action.toggle == LAMP_MENU_TOGGLE_CHECK)
    action.on = g_variant_get_boolean (state);
  else if (action.toggle == LAMP_MENU_TOGGLE_RADIO)
    action.on = g_variant_equal (state, target);

  return action;
}
