#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A desktop's portals, as far as Lamppost uses them.

Each call is a line of JSON on standard output: its method, then its arguments. Secrets come from
the real keyring, which is asked as the real portal asks it. While there is a file "deaf" in the
home, the next request for a secret is never answered, and takes the file with it.
"""

import json
import os

from gi.repository import Gio, GLib

NAME = "org.freedesktop.portal.Desktop"
PATH = "/org/freedesktop/portal/desktop"
KEYRING = "org.freedesktop.secrets"
XML = """<node>
<interface name='org.freedesktop.portal.Background'>
  <method name='RequestBackground'><arg type='s' direction='in'/><arg type='a{sv}' direction='in'/>
    <arg type='o' direction='out'/></method>
  <method name='SetStatus'><arg type='a{sv}' direction='in'/></method>
  <property name='version' type='u' access='read'/>
</interface>
<interface name='org.freedesktop.portal.Notification'>
  <method name='AddNotification'><arg type='s' direction='in'/><arg type='a{sv}' direction='in'/>
    </method>
  <method name='RemoveNotification'><arg type='s' direction='in'/></method>
  <property name='version' type='u' access='read'/>
</interface>
<interface name='org.freedesktop.portal.Secret'>
  <method name='RetrieveSecret'><arg type='h' direction='in'/><arg type='a{sv}' direction='in'/>
    <arg type='o' direction='out'/></method>
  <property name='version' type='u' access='read'/>
</interface>
<interface name='org.freedesktop.portal.NetworkMonitor'>
  <method name='GetAvailable'><arg type='b' direction='out'/></method>
  <method name='GetMetered'><arg type='b' direction='out'/></method>
  <method name='GetConnectivity'><arg type='u' direction='out'/></method>
  <method name='GetStatus'><arg type='a{sv}' direction='out'/></method>
  <method name='CanReach'><arg type='s' direction='in'/><arg type='u' direction='in'/>
    <arg type='b' direction='out'/></method>
  <signal name='changed'/>
  <property name='version' type='u' access='read'/>
</interface>
<interface name='org.freedesktop.portal.ProxyResolver'>
  <method name='Lookup'><arg type='s' direction='in'/><arg type='as' direction='out'/></method>
  <property name='version' type='u' access='read'/>
</interface>
</node>"""
VERSIONS = {"Background": 2, "Notification": 1, "Secret": 1, "NetworkMonitor": 3, "ProxyResolver": 1}
DEAF = os.environ["HOME"] + "/deaf"
OTHER = 2  # neither done nor cancelled

bus = Gio.bus_get_sync(Gio.BusType.SESSION)
Variant = GLib.Variant


def tell(*words):
    print(json.dumps(words), flush=True)


def request_path(sender, options):
    # libsecret gives no token, and listens where it is told to.
    token = options.get("handle_token", "any")
    return f"{PATH}/request/{sender[1:].replace('.', '_')}/{token}"


def respond(sender, path, response, results):
    bus.emit_signal(sender, path, "org.freedesktop.portal.Request", "Response",
                    Variant("(ua{sv})", (response, results)))


def request_background(sender, args, invocation):
    options = args[1]
    path = request_path(sender, options)
    invocation.return_value(Variant("(o)", (path,)))
    respond(sender, path, 0, {"background": Variant("b", True),
                              "autostart": Variant("b", options["autostart"])})


def retrieve_secret(sender, args, invocation):
    path = request_path(sender, args[1])
    message = invocation.get_message()

    def retrieved(connection, result):
        try:
            response = connection.call_with_unix_fd_list_finish(result)[0].unpack()[0]
        except GLib.Error as error:
            tell("error", error.message)
            response = OTHER
        respond(sender, path, response, {})

    bus.call_with_unix_fd_list(
        KEYRING, PATH, "org.freedesktop.impl.portal.Secret", "RetrieveSecret",
        Variant("(osha{sv})", (path, "io.github.lamppost.Lamppost", 0, {})), None, 0, -1,
        message.get_unix_fd_list(), None, retrieved)
    invocation.return_value(Variant("(o)", (path,)))


NETWORK = {
    "GetAvailable": Variant("(b)", (True,)),
    "GetMetered": Variant("(b)", (False,)),
    "GetConnectivity": Variant("(u)", (4,)),
    "GetStatus": Variant("(a{sv})", ({"available": Variant("b", True), "metered": Variant("b", False),
                                      "connectivity": Variant("u", 4)},)),
    "CanReach": Variant("(b)", (True,)),
    "Lookup": Variant("(as)", (["direct://"],)),
}


def called(connection, sender, path, interface, method, parameters, invocation):
    args = parameters.unpack()
    tell(method, *[arg for arg in args])
    if method == "RequestBackground":
        request_background(sender, args, invocation)
    elif method == "RetrieveSecret" and os.path.exists(DEAF):
        os.remove(DEAF)
        invocation.return_value(Variant("(o)", (request_path(sender, args[1]),)))
    elif method == "RetrieveSecret":
        retrieve_secret(sender, args, invocation)
    else:
        invocation.return_value(NETWORK.get(method))


def get_property(connection, sender, path, interface, name):
    return Variant("u", VERSIONS[interface.rpartition(".")[2]])


for each in Gio.DBusNodeInfo.new_for_xml(XML).interfaces:
    bus.register_object(PATH, each, called, get_property, None)
Gio.bus_own_name_on_connection(bus, NAME, 0, lambda *_: tell("up"), lambda *_: tell("down"))
GLib.MainLoop().run()
