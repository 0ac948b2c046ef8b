-- Count a message that was sent by request and by no run: as one to send, and as what became of it.
-- ARGV: prefix, integration, outcome (sent, failed).
local i, outcome = take(), take()
local hour = hour_of(call('TIME')[1] .. '000')
count('sent:', i, hour, 'queued')
count('sent:', i, hour, outcome)
write_counts()
return 1
