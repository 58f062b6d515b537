ARG BASE
FROM ${BASE}
COPY certs/ca.pem .env.example server.pub.key /etc/app/
EXPOSE 8000
CMD ["/app/server"]
