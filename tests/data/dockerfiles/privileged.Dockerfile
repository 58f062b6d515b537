FROM python:3.13-slim
USER 1000
CMD ["waitress-serve", "--listen=*:80", "app:app"]
