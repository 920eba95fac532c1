# SPDX-License-Identifier: GPL-3.0-or-later

function __lamppost_ids
    lamppost list --status $argv[1] --limit 100 --json 2>/dev/null | string match --regex --groups-only '"event_id" *: *"([^"]*)"'
end

complete --command lamppost --no-files
complete --command lamppost --short-option h --long-option help --description 'Tell about the options'
complete --command lamppost --condition __fish_use_subcommand --long-option version --description 'Print the version'

complete --command lamppost --condition __fish_use_subcommand --arguments emit --description 'Store an event and send it'
complete --command lamppost --condition __fish_use_subcommand --arguments status --description 'Tell what is going on'
complete --command lamppost --condition __fish_use_subcommand --arguments list --description 'List events, the newest first'
complete --command lamppost --condition __fish_use_subcommand --arguments show --description 'Show one event'
complete --command lamppost --condition __fish_use_subcommand --arguments replay --description 'Send what waits, now'
complete --command lamppost --condition __fish_use_subcommand --arguments resend --description 'Put failed events back to pending'
complete --command lamppost --condition __fish_use_subcommand --arguments discard --description 'Delete failed events'
complete --command lamppost --condition __fish_use_subcommand --arguments import --description 'Add events from another queue'
complete --command lamppost --condition __fish_use_subcommand --arguments export --description 'Print the events as JSON lines'
complete --command lamppost --condition __fish_use_subcommand --arguments watch --description 'Tell of everything as it happens'
complete --command lamppost --condition __fish_use_subcommand --arguments login --description 'Store the token for the server'
complete --command lamppost --condition __fish_use_subcommand --arguments logout --description 'Forget the token'
complete --command lamppost --condition __fish_use_subcommand --arguments pause --description 'Hold replay back'
complete --command lamppost --condition __fish_use_subcommand --arguments unpause --description 'Let replay go on'
complete --command lamppost --condition __fish_use_subcommand --arguments doctor --description 'Find out what is wrong, and what to do'
complete --command lamppost --condition __fish_use_subcommand --arguments open --description 'Open the window'

complete --command lamppost --condition '__fish_seen_subcommand_from emit' --short-option m --long-option mission --require-parameter --description 'Mission that the event belongs to'
complete --command lamppost --condition '__fish_seen_subcommand_from emit' --short-option t --long-option type --require-parameter --description 'Kind of event'
complete --command lamppost --condition '__fish_seen_subcommand_from emit' --short-option p --long-option payload --require-parameter --description 'JSON object, or - for standard input'
complete --command lamppost --condition '__fish_seen_subcommand_from emit' --long-option causation-id --require-parameter --description 'Event that caused this one'
complete --command lamppost --condition '__fish_seen_subcommand_from emit' --long-option option --require-parameter --arguments 'correlation_id= project_uuid= project_slug= schema_version= aggregate_id= timestamp= data_tier= extra=' --description 'Further member'
complete --command lamppost --condition '__fish_seen_subcommand_from emit' --long-option lines --description 'Read one event a line'
complete --command lamppost --condition '__fish_seen_subcommand_from status list show' --long-option json --description 'Print JSON'
complete --command lamppost --condition '__fish_seen_subcommand_from show' --long-option raw --description 'Print the bytes of the event'
complete --command lamppost --condition '__fish_seen_subcommand_from list export' --short-option s --long-option status --require-parameter --arguments 'pending failed delivered all' --description 'Only these'
complete --command lamppost --condition '__fish_seen_subcommand_from list' --short-option m --long-option mission --require-parameter --description 'Only of this mission'
complete --command lamppost --condition '__fish_seen_subcommand_from list' --short-option t --long-option type --require-parameter --description 'Only of this type'
complete --command lamppost --condition '__fish_seen_subcommand_from list' --long-option text --require-parameter --description 'Only those that contain this'
complete --command lamppost --condition '__fish_seen_subcommand_from list' --short-option n --long-option limit --require-parameter --description 'At most so many'
complete --command lamppost --condition '__fish_seen_subcommand_from replay' --short-option w --long-option wait --description 'Wait until everything was tried'
complete --command lamppost --condition '__fish_seen_subcommand_from resend' --long-option all --description 'Every failed event'
complete --command lamppost --condition '__fish_seen_subcommand_from resend discard' --arguments '(__lamppost_ids failed)'
complete --command lamppost --condition '__fish_seen_subcommand_from show' --arguments '(__lamppost_ids all)'
complete --command lamppost --condition '__fish_seen_subcommand_from import' --force-files
