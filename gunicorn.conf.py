"""How the web process writes its access log: as usual, with the name of the request at the end (`X-Request-Id`)."""

access_log_format = '%(h)s %(l)s %(u)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(M)sms "%(a)s" %({x-request-id}o)s'
