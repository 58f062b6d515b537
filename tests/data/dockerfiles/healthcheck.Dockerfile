FROM python:3.13-slim
USER 1000
ENV PORT=8000
HEALTHCHECK --interval=30s CMD curl -f http://localhost:8000/ || exit 1
CMD ["gunicorn", "app:app"]
